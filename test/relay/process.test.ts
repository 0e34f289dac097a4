import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type EmbeddedApiServer, startEmbeddedApiServer } from '../apiserver/server.ts';
import { type CertificateAuthority, createAuthority, issueNodeCertificate, writePair, writePem } from '../support/pki.ts';
import { type RunningProcess, runCommand, startProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { ScriptedAgent } from './scripted-agent.ts';

interface Setup {
  readonly api: EmbeddedApiServer;
  readonly authority: CertificateAuthority;
  /** Arguments of a relay that is right in everything. */
  readonly args: readonly string[];
}

async function setup(t: TestContext): Promise<Setup> {
  const folder = await mkdtemp(join(tmpdir(), 'hawser-process-'));
  t.after(() => rm(folder, { recursive: true }));
  const api = await startEmbeddedApiServer();
  t.after(() => api.close());
  const authority = await createAuthority('agents');
  const pair = await writePair(folder, 'relay', await authority.issueServer({ commonName: 'relay' }));
  return {
    api,
    authority,
    args: [
      ...['cloud/src/main.ts', 'run', '--kubeconfig', await writePem(folder, 'kubeconfig', api.kubeconfig('relay'))],
      ...['--link-address', '127.0.0.1', '--link-port', '0', '--ops-address', '127.0.0.1', '--ops-port', '0'],
      ...['--admin-address', '127.0.0.1', '--admin-port', '0'],
      ...['--tls-cert', pair.certificateFile, '--tls-key', pair.keyFile],
      ...['--tls-client-ca', await writePem(folder, 'ca.crt', authority.certificatePem)],
    ],
  };
}

async function listening(
  t: TestContext,
  args: readonly string[],
): Promise<{ relay: RunningProcess; linkPort: number; opsPort: number }> {
  const relay = startProcess({ name: 'relay', args });
  t.after(() => relay.stop());
  const { linkPort, opsPort } = await relay.line('its ports', ({ msg }) => msg === 'relay listening');
  assert.ok(typeof linkPort === 'number' && typeof opsPort === 'number');
  return { relay, linkPort, opsPort };
}

function ready(opsPort: number): Promise<unknown> {
  return until('the relay to be ready', 60_000, undefined, async () => (await fetch(`http://127.0.0.1:${opsPort}/readyz`)).ok);
}

test('the command becomes ready, and ends with 0 on SIGTERM after a goodbye to each agent', async (t) => {
  const { args, authority } = await setup(t);
  const { relay, linkPort, opsPort } = await listening(t, args);
  await ready(opsPort);
  const { agent } = await ScriptedAgent.dial(linkPort, await issueNodeCertificate(authority, 'edge-1'), authority.certificatePem);
  process.kill(relay.pid, 'SIGTERM');
  const goodbye = await agent.message('the goodbye', ({ type }) => type === 'goodbye');
  assert.ok(goodbye.type === 'goodbye');
  assert.equal(goodbye.reason, 'shuttingDown');
  assert.match(goodbye.detail, /^moved: /);
  assert.equal(await agent.closed, 4010);
  assert.deepEqual(await relay.exited, { code: 0, signal: null });
  assert.ok(relay.lines.some(({ msg }) => msg === 'relay stopped'));
});

test('a second signal ends it at once', async (t) => {
  const { args, api, authority } = await setup(t);
  const { relay, linkPort, opsPort } = await listening(t, [...args, '--drain-seconds', '300']);
  await ready(opsPort);
  const { agent } = await ScriptedAgent.dial(linkPort, await issueNodeCertificate(authority, 'edge-1'), authority.certificatePem);
  api.faults.add({ method: 'POST', pathPrefix: '/api/v1/nodes', fault: { type: 'stall' } });
  agent.send({
    type: 'report',
    report: {
      number: 1,
      resource: 'nodes',
      namespace: '',
      name: 'edge-1',
      uid: undefined,
      subresource: '',
      operation: { type: 'create', body: '{"metadata":{"name":"edge-1"}}' },
    },
  });
  await until('the report to be at the API server', 60_000, undefined, async () =>
    (await (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text()).includes('hawser_relay_reports{state="running"} 1'),
  );
  process.kill(relay.pid, 'SIGINT');
  await relay.line('the first signal', ({ msg }) => msg === 'relay stopping');
  process.kill(relay.pid, 'SIGINT');
  assert.deepEqual(await relay.exited, { code: 1, signal: null });
});

test('a port in use ends it with 1 and is named, and so is one for metrics', async (t) => {
  const { args } = await setup(t);
  const { linkPort, opsPort } = await listening(t, args);
  for (const [flag, port] of [
    ['--link-port', linkPort],
    ['--ops-port', opsPort],
  ] as const) {
    const { code, stderr } = await runCommand({ name: 'relay', args: [...args, flag, String(port)] });
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`hawser-relay: port ${port} on 127\\.0\\.0\\.1 is in use`));
  }
});

test('files that are not there end it with 2 and are named with their settings', async (t) => {
  const { args } = await setup(t);
  const kubeconfig = await runCommand({ name: 'relay', args: [...args, '--kubeconfig', '/nowhere/config'] });
  assert.equal(kubeconfig.code, 2);
  assert.match(kubeconfig.stderr, /kubeconfig.*\/nowhere\/config/);
  const key = await runCommand({ name: 'relay', args: [...args, '--tls-key', '/nowhere/relay.key'] });
  assert.equal(key.code, 2);
  assert.match(key.stderr, /tls\.key: the file \/nowhere\/relay\.key is not there/);
});
