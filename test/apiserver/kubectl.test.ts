import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { KubeObject } from '@hawser/protocol';
import { findKubectl } from '../support/kubectl.ts';
import { type EmbeddedApiServer, startEmbeddedApiServer } from './server.ts';

const run = promisify(execFile);
const kubectl = findKubectl();
const skip = kubectl === undefined ? 'no kubectl on PATH or in KUBECTL' : false;

const MANIFEST = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: red}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  containers:
    - {name: main, image: "example.test/web:1", envFrom: [{configMapRef: {name: settings}}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  replicas: 2
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec: {containers: [{name: main, image: "example.test/api:1"}]}
`;

describe('kubectl against the embedded API server', { skip, timeout: 180_000 }, () => {
  let server: EmbeddedApiServer;
  let folder: string;

  before(async () => {
    server = await startEmbeddedApiServer();
    folder = mkdtempSync(join(tmpdir(), 'kubectl-test-'));
    writeFileSync(join(folder, 'kubeconfig'), server.kubeconfig(), { mode: 0o600 });
    writeFileSync(join(folder, 'manifest.yaml'), MANIFEST);
  });
  after(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  const args = (rest: readonly string[]) => [
    `--kubeconfig=${join(folder, 'kubeconfig')}`,
    `--cache-dir=${join(folder, 'cache')}`,
    ...rest,
  ];
  const output = async (...rest: string[]) => (await run(kubectl ?? '', args(rest))).stdout;

  // From a file: the generators of `kubectl create KIND` send protobuf, which is not served.
  const create = async (object: KubeObject) => {
    const file = join(folder, 'object.json');
    writeFileSync(file, JSON.stringify(object));
    await output('create', '-f', file);
  };

  it('applies a manifest, and again without a change', async () => {
    const file = join(folder, 'manifest.yaml');
    assert.match(
      await output('apply', '-f', file),
      /configmap\/settings created\npod\/web created\ndeployment\.apps\/api created/,
    );
    assert.match(await output('apply', '-f', file), /configmap\/settings unchanged\npod\/web unchanged/);
    writeFileSync(file, MANIFEST.replace('colour: red', 'colour: blue'));
    assert.match(await output('apply', '-f', file), /configmap\/settings configured/);
    assert.equal(await output('get', 'configmap', 'settings', '-o', 'jsonpath={.data.colour}'), 'blue');
  });

  it('shows pods as a table', async () => {
    const table = await output('get', 'pods', '-o', 'wide');
    assert.match(table, /^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE/);
    assert.match(table, /\nweb +0\/1 +Pending/);
  });

  it('watches', async () => {
    const watching = spawn(kubectl ?? '', args(['get', 'configmaps', '--watch', '--output-watch-events']), {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await line(watching, /ADDED +settings/);
      await create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'later' } });
      await line(watching, /ADDED +later/);
      await output('delete', 'configmap', 'later');
      await line(watching, /DELETED +later/);
    } finally {
      watching.kill();
    }
  });

  it('describes a pod', async () => {
    const text = await output('describe', 'pod', 'web');
    assert.match(text, /Name: +web/);
    assert.match(text, /Environment Variables from:\n +settings +ConfigMap/);
  });

  it('scales and labels', async () => {
    assert.match(await output('scale', 'deployment', 'api', '--replicas=5'), /scaled/);
    assert.equal(await output('get', 'deployment', 'api', '-o', 'jsonpath={.spec.replicas}'), '5');
    assert.match(await output('label', 'pod', 'web', 'tier=front'), /labeled/);
  });

  it('deletes and waits until it is gone', async () => {
    assert.match(await output('delete', 'pod', 'web'), /pod "web" deleted/);
    await assert.rejects(output('get', 'pod', 'web'), /pods "web" not found/);
  });

  it('makes and removes a namespace with what is in it', async () => {
    await create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'short' } });
    await create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'inside', namespace: 'short' } });
    assert.match(await output('delete', 'namespace', 'short'), /namespace "short" deleted/);
    assert.equal(server.storage.list('configmaps', 'short').length, 0);
  });
});

/** The next line of the process's output that matches; lines before it are passed over. */
async function line(child: ChildProcess, pattern: RegExp): Promise<void> {
  const { stdout } = child;
  if (stdout === null) throw new Error('the output is not read');
  const reader = createInterface({ input: stdout });
  try {
    for await (const text of reader) if (pattern.test(text)) return;
  } finally {
    reader.close();
  }
  throw new Error(`kubectl ended before a line that matches ${pattern}`);
}
