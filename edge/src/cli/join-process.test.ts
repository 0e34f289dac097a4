import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { ENROL_PATHS } from '@hawser/protocol';
import { startCuttingProxy } from '../../../test/net/cutting-proxy.ts';
import {
  type EnrolmentEndpoint,
  type EnrolmentEndpointOptions,
  startEnrolmentEndpoint,
} from '../../../test/support/enrolment-endpoint.ts';
import { type CertificateAuthority, createAuthority } from '../../../test/support/pki.ts';
import { NODE, ROOT } from '../../../test/support/processes.ts';
import { createIdentityFolder, identityPath } from '../enroll/index.ts';
import { silent } from '../store/testing.ts';

const TOKEN = 'abcdef.0123456789abcdef';
let root = '';
let authority: CertificateAuthority;

before(async () => {
  root = mkdtempSync(join(tmpdir(), 'hawser-join-'));
  authority = await createAuthority('ours');
});
after(() => rmSync(root, { recursive: true, force: true }));

const newDataDir = () => join(mkdtempSync(join(root, 'd-')), 'data');

async function endpointFor(t: TestContext, options: Partial<EnrolmentEndpointOptions> = {}) {
  const endpoint = await startEnrolmentEndpoint({ authority, ...options });
  t.after(endpoint.close);
  return endpoint;
}

interface Joining {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null; readonly output: string }>;
}

function startJoin(args: readonly string[], input = ''): Joining {
  const child = spawn(NODE, ['edge/src/main.ts', 'join', ...args], { cwd: ROOT, stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  // A process that has ended reads no more.
  child.stdin.on('error', () => {}).end(input);
  const ended = new Promise<Awaited<Joining['ended']>>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal, output })),
  );
  return { child, ended };
}

function argsFor({ url, caHash }: Pick<EnrolmentEndpoint, 'url' | 'caHash'>, dataDir: string): string[] {
  return [url, '--token', TOKEN, '--ca-hash', caHash, '--node-name', 'truck-1', '--data-dir', dataDir];
}

function keysOf({ joins }: EnrolmentEndpoint): string[] {
  return [...new Set(joins.map(({ publicKey }) => Buffer.from(publicKey).toString('hex')))];
}

test('whoever looks at the processes of the device while it joins does not see the token', async (t) => {
  let release = () => {};
  let asked = () => {};
  const wasAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const endpoint = await endpointFor(t, {
    answer: async (path) => {
      if (path !== ENROL_PATHS.join) return undefined;
      asked();
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return undefined;
    },
  });
  const { child, ended } = startJoin(argsFor(endpoint, newDataDir()));
  await wasAsked;
  const shown = readFileSync(`/proc/${child.pid}/cmdline`, 'latin1');
  assert.match(shown, /^hawser-agent join\0*$/);
  const threads = readdirSync(`/proc/${child.pid}/task`).map((id) =>
    readFileSync(`/proc/${child.pid}/task/${id}/cmdline`, 'latin1'),
  );
  for (const line of threads) assert.ok(!line.includes('abcdef'));
  release();
  const { code, output } = await ended;
  assert.equal(code, 0, output);
  assert.ok(!output.includes(TOKEN));
});

test('the token may come by standard input', async (t) => {
  const endpoint = await endpointFor(t);
  const args = argsFor(endpoint, newDataDir()).with(1, '--token-file').with(2, '-');
  const { code, output } = await startJoin(args, `${TOKEN}\n`).ended;
  assert.equal(code, 0, output);
  assert.equal(endpoint.joins[0]?.token.secret, TOKEN.slice(7));
});

test('a device that is killed with the answer on its way has joined after the same command, by the same key', async (t) => {
  const endpoint = await endpointFor(t);
  const size = await sizeOf(endpoint);
  // From the first byte of the handshake to the last of the certificate, which may have come whole.
  const positions = [1, ...[0.2, 0.4, 0.6, 0.7, 0.8, 0.9].map((part) => Math.round(size * part)), size - 20];
  for (const position of positions) {
    const dataDir = newDataDir();
    const joined = endpoint.joins.length;
    let child: ChildProcess | undefined;
    const proxy = await startCuttingProxy(endpoint.port, position, () => child?.kill('SIGKILL'));
    const started = startJoin(argsFor({ ...endpoint, caHash: endpoint.caHash, url: proxy.url }, dataDir));
    child = started.child;
    const killed = await started.ended;
    proxy.close();
    assert.ok(killed.signal === 'SIGKILL' || position === size - 20, `at ${position}: ${killed.output}`);
    const repeated = await startJoin(argsFor(endpoint, dataDir)).ended;
    assert.equal(repeated.code, 0, `after an end at ${position}: ${repeated.output}`);
    const keys = new Set(endpoint.joins.slice(joined).map(({ publicKey }) => Buffer.from(publicKey).toString('hex')));
    assert.equal(keys.size, 1, `at ${position}`);
    const files = readdirSync(identityPath(dataDir)).toSorted();
    assert.deepEqual(files, ['authorities.pem', 'device.json', 'device.pem'], `at ${position}`);
  }
});

test('an answer that is lost on its way is told, and the same command goes on with the same key', async (t) => {
  const endpoint = await endpointFor(t);
  const size = await sizeOf(endpoint);
  const proxy = await startCuttingProxy(endpoint.port, size - 100, () => {});
  t.after(proxy.close);
  const dataDir = newDataDir();
  const before = endpoint.joins.length;
  const { code, output } = await startJoin(argsFor({ url: proxy.url, caHash: endpoint.caHash }, dataDir)).ended;
  assert.equal(code, 5, output);
  assert.equal(endpoint.joins.length, before + 1);
  assert.equal((await startJoin(argsFor(endpoint, dataDir)).ended).code, 0);
  assert.deepEqual(endpoint.joins[before]?.publicKey, endpoint.joins[before + 1]?.publicKey);
});

test('Ctrl-C while a relay is asked leaves the key for the next time, and nothing else', async (t) => {
  let asked = () => {};
  let isAnswering = false;
  const wasAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const endpoint = await endpointFor(t, {
    answer: (path) => {
      if (path !== ENROL_PATHS.join || isAnswering) return undefined;
      asked();
      return new Promise(() => {});
    },
  });
  const dataDir = newDataDir();
  const { child, ended } = startJoin(argsFor(endpoint, dataDir));
  await wasAsked;
  child.kill('SIGINT');
  const { code, output } = await ended;
  assert.equal(code, 130, output);
  assert.match(output, /interrupted; the same command goes on from here/);
  assert.deepEqual(readdirSync(identityPath(dataDir)), ['key.pem']);
  isAnswering = true;
  assert.equal((await startJoin(argsFor(endpoint, dataDir)).ended).code, 0);
  assert.equal(keysOf(endpoint).length, 1);
  assert.equal(createIdentityFolder({ dataDir, logger: silent }).read()?.nodeName, 'truck-1');
  assert.equal(existsSync(join(identityPath(dataDir), 'key.pem')), false);
});

/** What the relay sends in one join, in bytes. It varies by some bytes with the length of signatures. */
async function sizeOf(endpoint: EnrolmentEndpoint): Promise<number> {
  const proxy = await startCuttingProxy(endpoint.port, Number.POSITIVE_INFINITY, () => {});
  const { code, output } = await startJoin(argsFor({ url: proxy.url, caHash: endpoint.caHash }, newDataDir())).ended;
  proxy.close();
  assert.equal(code, 0, output);
  return proxy.passed();
}
