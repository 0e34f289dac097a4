import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { type RelayRights, RIGHTS_PATH } from '../apiserver/relay-rights.ts';
import { ScriptedAgent } from '../relay/scripted-agent.ts';
import { type KubeClient, kubeClient } from '../support/kube.ts';
import { type CertificateAuthority, createAuthority, issueNodeCertificate, writePair, writePem } from '../support/pki.ts';
import { type RunningProcess, runCommand, startProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';

const RELAY_MAIN = 'cloud/src/main.ts';

interface RunningRelay {
  readonly process: RunningProcess;
  readonly linkPort: number;
  readonly opsPort: number;
}

interface Scene {
  readonly dir: string;
  readonly kube: KubeClient;
  launch(name: string, ...flags: string[]): RunningProcess;
  /** Waits until it listens and is ready. */
  up(process: RunningProcess): Promise<RunningRelay>;
  /** `hawser-relay` with the rights of an administrator. */
  command(...args: string[]): Promise<string>;
  ca(...args: string[]): Promise<string>;
  /** The authority of the Secret as it is now, to sign with. */
  authority(): Promise<CertificateAuthority>;
}

async function scene(t: TestContext): Promise<Scene> {
  const dir = mkdtempSync(join(tmpdir(), 'hawser-e2e-'));
  const ending: (() => Promise<unknown> | unknown)[] = [() => rmSync(dir, { recursive: true, force: true })];
  t.after(async () => {
    for (const end of ending.toReversed()) await end();
  });
  const start = (name: string, args: string[]) => {
    const process = startProcess({ name, args, logFile: join(dir, `${name}.log`) });
    ending.push(() => process.stop());
    return process;
  };
  const api = start('apiserver', ['test/apiserver/main.ts', '--dir', join(dir, 'apiserver')]);
  await api.line('its address', ({ url }) => typeof url === 'string');
  const kubeconfig = join(dir, 'apiserver', 'kubeconfig');
  const kube = await kubeClient(kubeconfig);
  ending.push(() => kube.close());
  const relayKubeconfig = join(dir, 'apiserver', 'relay.kubeconfig');
  const scene: Scene = {
    dir,
    kube,
    launch: (name, ...flags) =>
      start(name, [
        ...[RELAY_MAIN, 'run', '--kubeconfig', relayKubeconfig, '--replica-name', name],
        ...['--link-address', '127.0.0.1', '--link-port', '0', '--ops-address', '127.0.0.1', '--ops-port', '0'],
        ...['--admin-address', '127.0.0.1', '--admin-port', '0'],
        ...flags,
      ]),
    async up(process) {
      const { linkPort, opsPort } = await process.line('its ports', ({ msg }) => msg === 'relay listening');
      await process.line('its readiness', ({ msg }) => msg === 'relay ready');
      return { process, linkPort: Number(linkPort), opsPort: Number(opsPort) };
    },
    async command(...args) {
      const command = [RELAY_MAIN, ...args, '--kubeconfig', kubeconfig];
      const { code, stdout, stderr } = await runCommand({ name: 'hawser-relay', args: command });
      assert.equal(code, 0, stderr);
      return stdout;
    },
    ca: (...args) => scene.command('ca', ...args),
    async authority() {
      const secret = await kube.get('secrets', 'hawser-system', 'hawser-ca');
      const data = (secret?.data ?? {}) as Record<string, string>;
      const text = (key: string) => Buffer.from(data[key] ?? '', 'base64').toString();
      const { current } = JSON.parse(await scene.ca('status', '-o', 'json'));
      const pair = { certificatePem: text('ca.crt'), keyPem: text('ca.key') };
      return createAuthority(String(current.subject).replace('CN=', ''), pair);
    },
  };
  return scene;
}

/** The name of whoever has signed the certificate that new connections meet, and its serial number. */
async function served(port: number, pair: { certificatePem: string; keyPem: string }) {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, cert: pair.certificatePem, key: pair.keyPem });
  await once(socket, 'secureConnect');
  const certificate = socket.getPeerX509Certificate();
  socket.destroy();
  return { issuer: certificate?.issuer, serial: certificate?.serialNumber };
}

/** Something is asked over the link, and answered. */
async function lives(agent: ScriptedAgent, node = 'edge-1'): Promise<void> {
  const answer = await agent.ask({ type: 'get', resource: 'nodes', namespace: '', name: node });
  assert.match(answer.type, /found|notFound/i);
}

test('relays that start at once on an empty cluster agree on an authority; its rotations are followed, links stay, and devices that were away link', {
  timeout: 360_000,
}, async (t) => {
  const { dir, kube, launch, up, command, ca, authority } = await scene(t);
  const starting = [launch('relay-1'), launch('relay-2')];
  const [one, two] = await Promise.all(starting.map(up));
  assert.ok(one !== undefined && two !== undefined);

  const first = await authority();
  const name = `CN=${first.commonName}`;
  const edge1 = await issueNodeCertificate(first, 'edge-1');
  for (const { linkPort } of [one, two]) assert.equal((await served(linkPort, edge1)).issuer, name);
  const { agent } = await ScriptedAgent.dial(one.linkPort, edge1, first.certificatePem);
  await lives(agent);

  const joinLine = await command('token', 'create', '--node-name', 'edge-4', '--relay', `wss://127.0.0.1:${two.linkPort}`);

  // A real agent, with what it was given before any rotation; it is away during each.
  const away = await writePair(join(dir, 'pki'), 'edge-2', await issueNodeCertificate(first, 'edge-2'));
  const caFile = await writePem(join(dir, 'pki'), 'ca.crt', first.certificatePem);
  let runs = 0;
  const comesBack = async () => {
    runs += 1;
    const process = startProcess({
      name: 'agent',
      args: [
        ...['edge/src/main.ts', 'run', '--data-dir', join(dir, 'edge-2'), '--api-port', '0', '--store-key', 'none'],
        ...['--relay-urls', `wss://127.0.0.1:${two.linkPort}`],
        ...['--tls-cert', away.certificateFile, '--tls-key', away.keyFile, '--tls-ca', caFile],
      ],
      logFile: join(dir, `agent-${runs}.log`),
    });
    try {
      return await process.line('how the link went', ({ msg }) => msg === 'link open' || msg === 'link down');
    } finally {
      await process.stop();
    }
  };
  mkdirSync(join(dir, 'edge-2'), { mode: 0o700 });
  assert.equal((await comesBack()).msg, 'link open');

  for (const _rotation of ['first', 'second']) {
    await ca('rotate');
    const next = await authority();
    for (const { linkPort } of [one, two]) {
      await until('certificates of the new authority', 60_000, undefined, async () => {
        return (await served(linkPort, edge1)).issuer === `CN=${next.commonName}`;
      });
    }
    await lives(agent);
    assert.equal((await comesBack()).msg, 'link open');
    const fresh = await issueNodeCertificate(next, 'edge-3');
    const { agent: newest } = await ScriptedAgent.dial(one.linkPort, fresh, next.certificatePem);
    await lives(newest, 'edge-3');
    newest.close();
  }
  // The line was printed before any rotation: it names the oldest authority's hash.
  const words = joinLine.trim().split('\n').at(-1)?.trim().split(' ') ?? [];
  assert.deepEqual(words.slice(0, 2), ['hawser-agent', 'join']);
  const joining = ['edge/src/main.ts', ...words.slice(1), '--data-dir', join(dir, 'edge-4')];
  const { code, stderr } = await runCommand({ name: 'hawser-agent join', args: joining });
  assert.equal(code, 0, stderr);
  const settings = ['--data-dir', join(dir, 'edge-4'), '--api-port', '0'];
  const joined = startProcess({
    name: 'agent',
    args: ['edge/src/main.ts', 'run', ...settings],
    logFile: join(dir, 'edge-4.log'),
  });
  try {
    const line = await joined.line('how the link went', ({ msg }) => msg === 'link open' || msg === 'link down');
    assert.equal(line.msg, 'link open', JSON.stringify(line));
  } finally {
    await joined.stop();
  }

  await until('the published authorities', 60_000, undefined, async () => JSON.parse(await ca('status', '-o', 'json')).published);
  const metrics = await (await fetch(`http://127.0.0.1:${one.opsPort}/metrics`)).text();
  assert.match(metrics, /^hawser_relay_trusted_authorities 3$/m);
  assert.match(metrics, /^hawser_relay_certificate_end_timestamp_seconds\{certificate="authority"\} \d{10}$/m);

  await ca('retire', '--yes');
  const newest = await authority();
  await until('the end of the older authorities', 60_000, undefined, async () => {
    return /^hawser_relay_trusted_authorities 1$/m.test(await (await fetch(`http://127.0.0.1:${two.opsPort}/metrics`)).text());
  });
  const refused = await comesBack();
  assert.deepEqual([refused.msg, refused.kind], ['link down', 'relayCertificate'], JSON.stringify(refused));
  await lives(agent);

  // One more relay takes what is there.
  const three = await up(launch('relay-3'));
  assert.equal((await served(three.linkPort, edge1)).issuer, `CN=${newest.commonName}`);
  const { body } = await kube.raw('GET', RIGHTS_PATH);
  assert.deepEqual((body as RelayRights).denied, []);
});

test('an operator’s files that change are served to new connections, and a link that is open stays', {
  timeout: 240_000,
}, async (t) => {
  const { dir, launch, up } = await scene(t);
  const company = await createAuthority('company');
  const pki = join(dir, 'pki');
  const caFile = await writePem(pki, 'ca.crt', company.certificatePem);
  const { certificateFile, keyFile } = await writePair(pki, 'relay', await company.issueServer({ commonName: 'relay' }));
  const flags = ['--tls-cert', certificateFile, '--tls-key', keyFile, '--tls-client-ca', caFile];
  const { linkPort, process } = await up(launch('relay', ...flags));
  const edge1 = await issueNodeCertificate(company, 'edge-1');
  const { agent } = await ScriptedAgent.dial(linkPort, edge1, company.certificatePem);
  const before = await served(linkPort, edge1);
  const next = await writePair(pki, 'next', await company.issueServer({ commonName: 'relay' }));
  await rename(next.keyFile, keyFile);
  await rename(next.certificateFile, certificateFile);
  await process.line('the new files', ({ msg }) => msg === 'certificates read anew', 60_000);
  assert.notEqual((await served(linkPort, edge1)).serial, before.serial);
  await lives(agent);
});
