import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { ENROL_PATHS, type RefusalReason } from '@hawser/protocol';
import { type EnrolmentEndpointOptions, startEnrolmentEndpoint } from '../../../test/support/enrolment-endpoint.ts';
import { type CertificateAuthority, createAuthority } from '../../../test/support/pki.ts';
import { createIdentityFolder, identityPath } from '../enroll/index.ts';
import { storePath } from '../ops/paths.ts';
import { openStore } from '../store/index.ts';
import { CLUSTER, silent } from '../store/testing.ts';
import type { JoinReport } from './join.ts';
import { runCli } from './program.ts';

const TOKEN = 'abcdef.0123456789abcdef';
const SECRET = '0123456789abcdef';
let root = '';
let ours: CertificateAuthority;
let other: CertificateAuthority;

before(async () => {
  root = mkdtempSync(join(tmpdir(), 'hawser-join-'));
  ours = await createAuthority('ours');
  other = await createAuthority('other');
});
after(() => rmSync(root, { recursive: true, force: true }));

const newDataDir = () => join(mkdtempSync(join(root, 'd-')), 'data');
const identityIn = (dataDir: string) => createIdentityFolder({ dataDir, logger: silent }).read();

async function endpointFor(t: TestContext, options: Partial<EnrolmentEndpointOptions> = {}) {
  const endpoint = await startEnrolmentEndpoint({ authority: ours, ...options });
  t.after(endpoint.close);
  return endpoint;
}

const refusing = (reason: RefusalReason, headers: Record<string, string> = {}) =>
  ({
    answer: (path) =>
      path === ENROL_PATHS.join
        ? { status: 403, body: JSON.stringify({ reason, message: `it is ${reason}` }), headers }
        : undefined,
  }) satisfies Partial<EnrolmentEndpointOptions>;

async function run(
  args: readonly string[],
  { now = new Date(), hostName = 'Truck-1', env = {} }: { now?: Date; hostName?: string; env?: Record<string, string> } = {},
) {
  const said = { out: '', err: '' };
  const code = await runCli(['join', ...args], {
    version: '0',
    run: () => Promise.reject(new Error('not asked for')),
    env,
    now: () => now,
    hostName: () => hostName,
    interrupted: () => new AbortController().signal,
    write: (text) => {
      said.out += text;
    },
    writeError: (text) => {
      said.err += text;
    },
  });
  assert.ok(!(said.out + said.err).includes(SECRET), 'the token is in the output');
  return { code, ...said };
}

test('a device joins under its host name, and says what it is now and what to do next', async (t) => {
  const endpoint = await endpointFor(t);
  const dataDir = newDataDir();
  const { code, out, err } = await run([endpoint.url, '--token', TOKEN, '--ca-hash', endpoint.caHash, '--data-dir', dataDir]);
  assert.equal(code, 0, err);
  assert.match(out, new RegExp(`^Joined: +as truck-1, by ${endpoint.url}$`, 'm'));
  assert.match(out, new RegExp(`^Next: +hawser-agent run --data-dir ${dataDir}$`, 'm'));
  assert.equal(err, `hawser-agent: asking ${endpoint.url} for a certificate of truck-1\n`);
  const identity = identityIn(dataDir);
  assert.deepEqual([identity?.nodeName, identity?.relays], ['truck-1', [endpoint.url]]);
  assert.deepEqual(
    endpoint.joins.map(({ nodeName, replace, token }) => [nodeName, replace, token.id]),
    [['truck-1', false, 'abcdef']],
  );
});

test('joining again as the same node uses the same key, and JSON says that it was so', async (t) => {
  const endpoint = await endpointFor(t);
  const dataDir = newDataDir();
  const args = [endpoint.url, '--token', TOKEN, '--ca-hash', endpoint.caHash, '--data-dir', dataDir, '-o', 'json'];
  const first = JSON.parse((await run(args)).out) as JoinReport;
  const second = JSON.parse((await run([...args, '--replace'])).out) as JoinReport;
  assert.deepEqual([first.again, second.again], [false, true]);
  assert.notEqual(first.certificate.serialNumber, second.certificate.serialNumber);
  assert.deepEqual(
    second.authorities.map(({ keyHash }) => keyHash),
    [endpoint.caHash],
  );
  const [one, two] = endpoint.joins;
  assert.deepEqual(one?.publicKey, two?.publicKey);
  assert.equal(two?.replace, true);
});

test('the token may come from a file', async (t) => {
  const endpoint = await endpointFor(t);
  const file = join(mkdtempSync(join(root, 't-')), 'token');
  writeFileSync(file, `${TOKEN}\n`);
  const args = [endpoint.url, '--token-file', file, '--ca-hash', endpoint.caHash, '--node-name', 'mast.north'];
  const { code, err } = await run([...args, '--data-dir', newDataDir()]);
  assert.equal(code, 0, err);
  assert.equal(endpoint.joins[0]?.token.secret, SECRET);
});

test('of several relays the first that answers is used, and all are where the agent links', async (t) => {
  const dead = createServer().listen(0, '127.0.0.1');
  await once(dead, 'listening');
  const { port } = dead.address() as AddressInfo;
  await new Promise((resolve) => dead.close(resolve));
  const strange = await endpointFor(t, { authority: other });
  const busy = await endpointFor(t, refusing('notNow'));
  const endpoint = await endpointFor(t);
  const relays = [`wss://127.0.0.1:${port}`, strange.url, busy.url, endpoint.url];
  const dataDir = newDataDir();
  const { code, err } = await run([...relays, '--token', TOKEN, '--ca-hash', endpoint.caHash, '--data-dir', dataDir]);
  assert.equal(code, 0, err);
  assert.match(err, /refuses connections/);
  assert.match(err, /no authority of .* has the key with the given hash/);
  assert.match(err, /it is notNow/);
  assert.deepEqual(identityIn(dataDir)?.relays, relays);
  assert.equal(strange.bytesReceived, 0);
});

test('exit codes tell a refusal, nobody there, and nobody who is trusted apart, and nothing but a key is left', async (t) => {
  const cases: readonly (readonly [options: Partial<EnrolmentEndpointOptions>, code: number, err: RegExp])[] = [
    [refusing('badToken'), 7, /has refused \(badToken\): it is badToken/],
    [refusing('nameHeld'), 7, /it is nameHeld\nhawser-agent: The name is the host name; --node-name gives another/],
    [refusing('tooMany', { 'retry-after': '30' }), 5, /the same command may succeed in 30 s/],
    [{ answer: () => ({ status: 502, body: 'Bad gateway' }) }, 5, /answered HTTP 502.*\n.*may succeed later/],
    [{ authority: other }, 9, /no relay could be trusted, and none was told anything/],
    [{ alpn: [] }, 5, /lets no devices join/],
  ];
  for (const [options, expected, words] of cases) {
    const endpoint = await endpointFor(t, options);
    const dataDir = newDataDir();
    const hash = (await endpointFor(t)).caHash;
    const { code, out, err } = await run([endpoint.url, '--token', TOKEN, '--ca-hash', hash, '--data-dir', dataDir]);
    assert.equal(code, expected, err);
    assert.match(err, words);
    assert.equal(out, '');
    assert.deepEqual(readdirSync(identityPath(dataDir)), ['key.pem']);
  }
});

test('a final refusal is not taken to the next relay', async (t) => {
  const endpoint = await endpointFor(t, refusing('revoked'));
  const next = await endpointFor(t);
  const args = [endpoint.url, next.url, '--token', TOKEN, '--ca-hash', endpoint.caHash, '--data-dir', newDataDir()];
  assert.equal((await run(args)).code, 7);
  assert.equal(next.handshakes, 0);
});

test('wrong words end with 2, name what is wrong, and change nothing', async () => {
  const dataDir = newDataDir();
  const hash = `sha256:${'0a'.repeat(32)}`;
  const good = ['wss://relay', '--token', TOKEN, '--ca-hash', hash];
  const cases: readonly (readonly [args: readonly string[], err: RegExp, hostName?: string])[] = [
    [[], /missing required argument 'relay'/],
    [
      ['https://relay', '--token', TOKEN, '--ca-hash', hash],
      /"https:\/\/relay" is not the address of a relay: wss:\/\/HOST:PORT/,
    ],
    [['wss://relay', '--token', TOKEN], /--ca-hash is missing: without it nobody can tell/],
    [['wss://relay', '--token', TOKEN, '--ca-hash', 'sha256:12'], /"sha256:12" is not sha256: and 64 hexadecimal digits/],
    [['wss://relay', '--ca-hash', hash], /one of --token and --token-file is needed/],
    [[...good, '--token-file', '-'], /and not both/],
    [['wss://relay', '--token', `${TOKEN}9`.toUpperCase(), '--ca-hash', hash], /--token: this is no token: ID\.SECRET/],
    [['wss://relay', '--token-file', '/no/such', '--ca-hash', hash], /--token-file: \/no\/such cannot be read \(ENOENT\)/],
    [[...good, '--node-name', 'Truck 1'], /--node-name "Truck 1" cannot be the name of a Node/],
    [good, /the host name "my_board" cannot be the name of a Node.*; give another one with --node-name/, 'my_board'],
    [Array.from({ length: 17 }, (_, at) => `wss://r${at}`).concat(good), /there are 18 relays; at most 16/],
  ];
  for (const [args, words, hostName = 'truck-1'] of cases) {
    const { code, err } = await run([...args, '--data-dir', dataDir], { hostName });
    assert.equal(code, 2, err);
    assert.match(err, words);
    assert.ok(!err.includes(`${SECRET}9`.toUpperCase()), 'a mistyped token is in the output');
  }
  assert.equal(existsSync(dataDir), false);
});

test('a folder that others may read is refused before anybody is asked', async (t) => {
  const endpoint = await endpointFor(t);
  const dataDir = newDataDir();
  const args = [endpoint.url, '--token', TOKEN, '--ca-hash', endpoint.caHash, '--data-dir', dataDir];
  assert.equal((await run(args)).code, 0);
  chmodSync(join(identityPath(dataDir), 'device.pem'), 0o644);
  const { code, err } = await run(args);
  assert.equal(code, 2);
  assert.match(err, /To mend: chmod 600 .*device\.pem/);
  assert.equal(endpoint.handshakes, 1);
});

test('a device that has joined as another gives that up only when told to, and is told about its store then', async (t) => {
  const endpoint = await endpointFor(t);
  const elsewhere = await endpointFor(t, { authority: other });
  const dataDir = newDataDir();
  const args = (url: string, hash: string, ...more: string[]) => [
    url,
    '--token',
    TOKEN,
    '--ca-hash',
    hash,
    '--data-dir',
    dataDir,
    ...more,
  ];
  assert.equal((await run(args(endpoint.url, endpoint.caHash))).code, 0);
  const store = openStore({ path: storePath(dataDir), logger: silent, clock: { now: () => new Date() } });
  t.after(() => store.close());
  store.bindCluster(CLUSTER);

  const renamed = await run(args(endpoint.url, endpoint.caHash, '--node-name', 'truck-2'));
  assert.equal(renamed.code, 8);
  assert.match(
    renamed.err,
    /has joined as truck-1 \(.*identity\), and this would be another name\.\n.*add --rejoin.*revoke truck-1 --forget/,
  );
  const moved = await run(args(elsewhere.url, elsewhere.caHash));
  assert.equal(moved.code, 8);
  assert.match(moved.err, /a cluster with another authority/);
  assert.deepEqual([endpoint.handshakes, elsewhere.handshakes], [1, 0]);

  const again = await run(args(endpoint.url, endpoint.caHash));
  assert.match(again.err, /an agent runs here: it uses the new certificate from its next dial on/);
  const { code, err } = await run(args(elsewhere.url, elsewhere.caHash, '--rejoin'));
  assert.equal(code, 0, err);
  assert.match(err, new RegExp(`warning: the store .* is of the cluster ${CLUSTER}\\. .* hawser-agent store set-aside`));
  assert.match(err, /an agent runs here with what it was started with: restart it/);
  assert.notDeepEqual(elsewhere.joins[0]?.publicKey, endpoint.joins[0]?.publicKey);
  assert.deepEqual(identityIn(dataDir)?.relays, [elsewhere.url]);
});

test('a clock that was never set does not keep a device from joining', async (t) => {
  const endpoint = await endpointFor(t);
  const args = [endpoint.url, '--token', TOKEN, '--ca-hash', endpoint.caHash, '--data-dir', newDataDir()];
  const { code, err } = await run(args, { now: new Date(0) });
  assert.equal(code, 0, err);
  assert.match(err, /the clock says 1970-01-01T00:00:00\.000Z, which it cannot be: the time of certificates is not checked/);
});

test('the command with --rejoin can be given again, too: it goes on with its key, and only what may replace makes another', async (t) => {
  const endpoint = await endpointFor(t);
  const args = [endpoint.url, '--token', TOKEN, '--ca-hash', endpoint.caHash, '--data-dir', newDataDir(), '--node-name'];
  assert.equal((await run([...args, 'truck-1'])).code, 0);
  for (const replace of [[], [], ['--replace']]) {
    const { code, err } = await run([...args, 'truck-2', '--rejoin', ...replace]);
    assert.equal(code, 0, err);
  }
  const [first, renamed, again, replacing] = endpoint.joins.map(({ publicKey }) => Buffer.from(publicKey).toString('hex'));
  assert.notEqual(renamed, first);
  assert.equal(again, renamed);
  assert.notEqual(replacing, renamed);
});

test('a data folder that the agent would not start in is refused before anything is asked for', async (t) => {
  const endpoint = await endpointFor(t);
  const dataDir = newDataDir();
  mkdirSync(dataDir);
  chmodSync(dataDir, 0o755);
  const { code, err } = await run([endpoint.url, '--token', TOKEN, '--ca-hash', endpoint.caHash, '--data-dir', dataDir]);
  assert.equal(code, 2);
  assert.match(err, new RegExp(`has mode 0755 .* To mend: chmod 700 ${dataDir}\\n$`));
  assert.equal(endpoint.connections, 0);
});

test('an identity that the system does not let be written is told with the reason, and the same command goes on later', async (t) => {
  const endpoint = await endpointFor(t);
  const dataDir = newDataDir();
  const args = [endpoint.url, '--token', TOKEN, '--ca-hash', endpoint.caHash, '--data-dir', dataDir];
  // Where the file would be written first, before its rename.
  const inTheWay = join(identityPath(dataDir), `joined.json.${process.pid}.new`);
  mkdirSync(inTheWay, { recursive: true, mode: 0o700 });
  chmodSync(dataDir, 0o700);
  const { code, err } = await run(args);
  assert.equal(code, 1);
  assert.match(err, /the identity could not be written to \S+identity: .*EISDIR/);
  assert.match(err, /the same command goes on from here\n$/);
  rmSync(inTheWay, { recursive: true });
  assert.equal((await run(args)).code, 0);
  assert.equal(new Set(endpoint.joins.map(({ publicKey }) => Buffer.from(publicKey).toString('hex'))).size, 1);
});

test('who joins where a certificate is set by files is told that the agent goes on with that', async (t) => {
  const endpoint = await endpointFor(t);
  const args = [endpoint.url, '--token', TOKEN, '--ca-hash', endpoint.caHash, '--data-dir', newDataDir()];
  const { code, err } = await run(args, { env: { HAWSER_TLS_CERT: '/etc/hawser/device.crt' } });
  assert.equal(code, 0, err);
  assert.match(
    err,
    /warning: the setting tls\.cert is \/etc\/hawser\/device\.crt: with it the agent goes on with that certificate/,
  );
});
