import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { kubeClient } from '../support/kube.ts';
import { runCommand, startProcess } from '../support/processes.ts';
import { configMap } from './harness.ts';

const DEMO = 'scripts/demo/main.ts';

/** A folder for temporary files that is nobody else's: another demonstration may run on this machine. */
function ownTmp(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'hawser-tmp-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const demosIn = (tmp: string) => readdirSync(tmp).filter((name) => name.startsWith('hawser-demo-'));

/** Process ids that the demo named on its way. */
function pidsIn(stderr: string): number[] {
  return [...stderr.matchAll(/runs as process (\d+)/g)].map(([, pid]) => Number(pid));
}

const alive = (pid: number) => existsSync(`/proc/${pid}`);

test('the demonstration tells its whole story and says so in one line of JSON', { timeout: 600_000 }, async (t) => {
  const tmp = ownTmp(t);
  const { code, stdout, stderr } = await runCommand({ name: 'demo', args: [DEMO, '--once', '--json'], env: { TMPDIR: tmp } });
  assert.equal(code, 0, stderr);
  const result = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;
  t.diagnostic(JSON.stringify(result));
  assert.equal(result.ok, true);
  assert.equal(result.nodes, 2);
  assert.ok(Number(result.podsRunning) >= 5 && Number(result.objectsAtEdge) > 8);
  assert.equal(result.servedOffline, true);
  assert.deepEqual([result.answeredOnline, result.answeredOffline], [4, 4]);
  assert.match(stderr, /edge-2 has joined with a token that an administrator made for it/);
  assert.match(stderr, /edge-1 asks for volumeattachment hawser-demo-note: From the API server, as it is now\./);
  assert.match(stderr, /edge-1 asks for persistentvolume hawser-demo-note: Synced to this device, as it was \d+s ago\./);
  for (const figure of ['editArrivedMs', 'convergedAfterReconnectMs']) assert.equal(typeof result[figure], 'number');
  const pids = pidsIn(stderr);
  assert.equal(pids.length, 4);
  assert.deepEqual(pids.filter(alive), []);
  assert.deepEqual(demosIn(tmp), []);
});

test('Ctrl-C ends the demonstration and leaves no process and no file behind', { timeout: 600_000 }, async (t) => {
  const tmp = ownTmp(t);
  const logFile = join(tmp, 'demo.log');
  const demo = startProcess({ name: 'demo', args: [DEMO, '--json'], env: { TMPDIR: tmp }, logFile, ownGroup: true });
  t.after(() => demo.kill());
  await demo.line('the story’s end', ({ ok }) => ok === true, 240_000);
  // As a terminal does it: to all of the foreground group, not to the demonstration alone.
  process.kill(-demo.pid, 'SIGINT');
  assert.deepEqual(await demo.exited, { code: 0, signal: null }, demo.tail());
  const pids = pidsIn(readFileSync(logFile, 'utf8'));
  assert.equal(pids.length, 4);
  assert.deepEqual(pids.filter(alive), []);
  assert.deepEqual(demosIn(tmp), []);
});

/** A cluster of the user's, with one ConfigMap in it, and manifests: that ConfigMap changed, a new one, and a kind that is not known. */
async function ownCluster(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), 'hawser-own-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const server = startProcess({ name: 'API server', args: ['test/apiserver/main.ts', '--dir', dir, '--port', '0'] });
  t.after(() => server.stop());
  await server.line('its address', ({ url }) => typeof url === 'string');
  const kubeconfig = join(dir, 'kubeconfig');
  const kube = await kubeClient(kubeconfig);
  t.after(() => kube.close());
  await kube.create(configMap('mine', { from: 'the user' }));
  const manifests = join(dir, 'app.json');
  const unknown = { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'w' } };
  const items = [configMap('mine', { from: 'the demo' }), configMap('new', {}), unknown];
  writeFileSync(manifests, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  return { kube, args: [DEMO, '--once', '--json', '--kubeconfig', kubeconfig, '--manifests', manifests] };
}

test("in a user's cluster the demonstration removes what it made, and nothing else", { timeout: 600_000 }, async (t) => {
  const { kube, args } = await ownCluster(t);
  const { code, stderr } = await runCommand({ name: 'demo', args });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /Widget w is left out/);
  assert.deepEqual((await kube.get('configmaps', 'default', 'mine'))?.data, { from: 'the user' });
  assert.equal(await kube.get('configmaps', 'default', 'new'), undefined);
  assert.deepEqual(await kube.list('nodes'), []);
});

test("a Node of the user's that bears a name of the demonstration's is not taken over", { timeout: 240_000 }, async (t) => {
  const { kube, args } = await ownCluster(t);
  const node = await kube.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'edge-2' } });
  const { code, stderr } = await runCommand({ name: 'demo', args });
  assert.equal(code, 1);
  assert.match(stderr, /has a Node edge-2/);
  assert.equal((await kube.get('nodes', '', 'edge-2'))?.metadata.uid, node.metadata.uid);
});
