import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { JsonObject } from '@hawser/protocol';
import { parseAllDocuments } from 'yaml';
import { startEmbeddedApiServer } from '../apiserver/server.ts';
import { confined } from '../support/confined.ts';
import { NODE, ROOT, startProcess } from '../support/processes.ts';
import { commandsFor } from './harness.ts';

const MANIFESTS = join(ROOT, 'deploy', 'manifests');
const PROGRAM = '/mnt/relay/hawser-relay.mjs';
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The pod of deploy/manifests, as far as this test looks at it. */
interface PodSpec {
  readonly securityContext: { readonly runAsUser: number; readonly runAsGroup: number };
  readonly containers: readonly [Container];
  readonly volumes: readonly JsonObject[];
}

interface Container {
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly securityContext: JsonObject;
  readonly volumeMounts: readonly { readonly mountPath: string; readonly readOnly?: boolean }[];
}

function podSpec(): PodSpec & JsonObject {
  return objectOf('30-relay.yaml', 'Deployment').spec.template.spec;
}

function objectOf(file: string, wanted: string) {
  return parseAllDocuments(readFileSync(join(MANIFESTS, file), 'utf8'))
    .map((document) => document.toJS())
    .find(({ kind }) => kind === wanted);
}

test("the relay's pod keeps the rules of the restricted Pod Security Standard, and mounts nothing that can be written", () => {
  const spec = podSpec();
  const [container] = spec.containers;
  assert.deepEqual(spec.securityContext, {
    runAsNonRoot: true,
    runAsUser: 65_532,
    runAsGroup: 65_532,
    fsGroup: 65_532,
    seccompProfile: { type: 'RuntimeDefault' },
  });
  assert.deepEqual(container.securityContext, {
    allowPrivilegeEscalation: false,
    privileged: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  for (const field of ['hostNetwork', 'hostPID', 'hostIPC']) assert.equal(spec[field], undefined, field);
  assert.deepEqual(spec.volumes, [{ name: 'config', configMap: { name: 'hawser-relay-config' } }]);
  assert.deepEqual(container.volumeMounts, [{ name: 'config', mountPath: '/etc/hawser/config', readOnly: true }]);
});

test('the relay starts and becomes ready as that pod: another user, no capability, no writable file system, its ServiceAccount alone', {
  timeout: 240_000,
}, async (t) => {
  const { relay } = await commandsFor(t);
  const own = mkdtempSync(join(tmpdir(), 'hawser-confined-'));
  t.after(() => rmSync(own, { recursive: true }));
  const api = await startEmbeddedApiServer();
  t.after(() => api.close());
  const { securityContext, containers } = podSpec();
  const before = confined({
    user: securityContext.runAsUser,
    group: securityContext.runAsGroup,
    program: { from: dirname(realpathSync(NODE)), at: '/mnt/node' },
    files: [{ from: relay, at: PROGRAM }, ...serviceAccount(own, api), configuration(own)],
  });
  if (before === undefined) return t.skip('this kernel gives no namespace of mounts, as root or otherwise');
  const [command = '', ...words] = before;
  const probe = (script: string) => spawnSync(command, [...words, 'sh', '-c', script]).status;
  assert.equal(probe('true'), 0);
  for (const folder of ['/tmp', '/mnt', '/run', '/var/tmp', own]) {
    assert.notEqual(probe(`touch '${folder}/probe'`), 0, `${folder} can be written: the relay would not be shown to do without`);
  }
  await runs(t, api.url, before, containers[0]);
});

/** The files that the kubelet mounts into a pod. */
function serviceAccount(folder: string, { caPem, relayToken }: { readonly caPem: string; readonly relayToken: string }) {
  const files = { 'ca.crt': caPem, token: relayToken, namespace: 'hawser-system' };
  return Object.entries(files).map(([name, text]) => {
    const from = join(folder, name);
    writeFileSync(from, text, { mode: 0o600 });
    return { from, at: `${SERVICE_ACCOUNT}/${name}` };
  });
}

/** The ConfigMap, where the Deployment mounts it. */
function configuration(folder: string) {
  const [name = '', text = ''] = Object.entries<string>(objectOf('20-config.yaml', 'ConfigMap').data)[0] ?? [];
  const from = join(folder, name);
  writeFileSync(from, text);
  return { from, at: `/etc/hawser/config/${name}` };
}

async function runs(t: TestContext, url: string, before: readonly string[], { args, env }: Container): Promise<void> {
  const { hostname, port } = new URL(url);
  const relay = startProcess({
    name: 'relay',
    before,
    node: '/mnt/node/node',
    args: [PROGRAM, ...args, '--link-port', '0', '--ops-port', '0', '--ops-address', '127.0.0.1', '--admin-port', '0'],
    env: {
      ...Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
      POD_NAME: 'hawser-relay-0',
      KUBERNETES_SERVICE_HOST: hostname,
      KUBERNETES_SERVICE_PORT: port,
    },
  });
  t.after(() => relay.kill());
  const { opsPort, pid } = await relay.line('its ports', ({ msg }) => msg === 'relay listening');
  await relay.line('ready', ({ msg }) => msg === 'relay ready');
  assert.equal((await fetch(`http://127.0.0.1:${opsPort}/readyz`)).status, 200);

  assert.deepEqual(
    relay.lines.filter(({ msg }) => msg === 'variables that are no settings'),
    [],
    'the variables of the manifest are settings',
  );

  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  assert.match(status, /^CapEff:\t0+$/m);
  assert.match(status, /^CapBnd:\t0+$/m);
  assert.match(status, /^NoNewPrivs:\t1$/m);
  if (process.getuid?.() === 0) assert.match(status, /^Uid:\t65532\t65532\t65532\t65532$/m);
  assert.deepEqual(await relay.stop(), { code: 0, signal: null });
}
