import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  applyMergePatch,
  canonicalize,
  type JsonObject,
  type ObjectKey,
  objectKey,
  TOLERATES_ANNOTATION,
  UNREACHABLE_TAINT as UNREACHABLE,
} from '@hawser/protocol';
import { pino } from 'pino';
import { ManualClock } from '../downstream/testing/manual-clock.ts';
import type { NodeApi } from '../upstream/index.ts';
import { type AutonomyResult, createAutonomy, type KnownObjects } from './autonomy.ts';

type Request = Parameters<NodeApi['request']>[0];

/** A cluster of Nodes and pods that the relay sees at once, and an API server that answers as the real one does. */
class World implements KnownObjects, NodeApi {
  readonly clock = new ManualClock();
  readonly requests: Request[] = [];
  readonly results: AutonomyResult[] = [];
  readonly events = new Map<string, JsonObject>();
  readonly linked = new Set<string>();
  /** Answers before the real ones. */
  readonly faults: (number | 'none')[] = [];
  /** Whether the relay hears of its own writes at once. */
  hears = true;
  readonly #objects = new Map<ObjectKey, JsonObject>();
  #version = 100;
  readonly autonomy = createAutonomy({
    objects: this,
    api: this,
    clock: this.clock,
    random: () => 0,
    logger: pino({ level: 'silent' }),
    instance: 'host',
    counts: { apiCall: () => undefined },
    onResult: (result) => this.results.push(result),
  });

  node(name: string, annotations: Record<string, string> = {}): void {
    this.put(objectKey('nodes', '', name), { kind: 'Node', metadata: { name, annotations } });
  }

  pod(name: string, node: string, more: JsonObject = {}): ObjectKey {
    const key = objectKey('pods', 'web', name);
    const tolerations = [{ key: UNREACHABLE, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }];
    this.put(key, { kind: 'Pod', metadata: { name, namespace: 'web' }, spec: { nodeName: node, tolerations }, ...more });
    return key;
  }

  put(key: ObjectKey, object: JsonObject, tell = true): void {
    this.#version += 1;
    const metadata = { uid: `uid-${key}`, ...(object.metadata as JsonObject), resourceVersion: String(this.#version) };
    this.#objects.set(key, { apiVersion: 'v1', ...object, metadata });
    if (tell) this.autonomy.changed(key);
  }

  remove(key: ObjectKey): void {
    this.#objects.delete(key);
    this.autonomy.changed(key);
  }

  /** `300`, or `forever`. */
  tolerates(key: ObjectKey): unknown {
    const { tolerations = [] } = (this.#objects.get(key)?.spec ?? {}) as { tolerations?: JsonObject[] };
    const [first] = tolerations;
    return first?.tolerationSeconds ?? 'forever';
  }

  body(key: ObjectKey) {
    const object = this.#objects.get(key);
    if (object === undefined) return undefined;
    const { body: text, version } = canonicalize(JSON.stringify(object), { apiVersion: 'v1', kind: String(object.kind) });
    return { text, version };
  }

  *podsOf(node: string) {
    for (const key of this.#objects.keys()) if (key.startsWith('pods/') && this.#nodeOf(key) === node) yield key;
  }

  *neededBy(key: ObjectKey) {
    const node = this.#nodeOf(key);
    if (node !== undefined && this.#objects.has(objectKey('nodes', '', node))) yield node;
  }

  hasSession(node: string): boolean {
    return this.linked.has(node);
  }

  async request(request: Request) {
    this.requests.push(request);
    const fault = this.faults.shift();
    if (fault === 'none') throw new Error('connection refused');
    if (fault !== undefined) return answer(fault, status(fault, 'Refused'));
    const sent: JsonObject = JSON.parse(request.body ?? '');
    if (request.method === 'POST') {
      const name = String((sent.metadata as JsonObject).name);
      if (this.events.has(name)) return answer(409, status(409, 'AlreadyExists'));
      this.events.set(name, sent);
      return answer(201, { ...sent, metadata: { name, uid: name, resourceVersion: '1' } });
    }
    const [, , , , namespace = '', , name = ''] = request.path.split('/');
    const key = objectKey('pods', namespace, name);
    const object = this.#objects.get(key);
    if (object === undefined) return answer(404, status(404, 'NotFound'));
    const { uid, resourceVersion, ...metadata } = sent.metadata as JsonObject;
    const now = object.metadata as JsonObject;
    if (now.uid !== uid || now.resourceVersion !== resourceVersion) return answer(409, status(409, 'Conflict'));
    const patched = applyMergePatch(object, { ...sent, metadata }) as JsonObject;
    this.put(key, patched, this.hears);
    return answer(200, this.#objects.get(key) ?? {});
  }

  /** Everything that is due now has been done. */
  async settled(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet += 1) {
      const before = this.requests.length;
      await new Promise((resolve) => setImmediate(resolve));
      this.clock.advance(50);
      await new Promise((resolve) => setImmediate(resolve));
      if (this.requests.length !== before) quiet = -1;
    }
  }

  #nodeOf(key: ObjectKey): string | undefined {
    const { nodeName } = (this.#objects.get(key)?.spec ?? {}) as JsonObject;
    return typeof nodeName === 'string' ? nodeName : undefined;
  }
}

function answer(code: number, body: JsonObject) {
  return { status: code, headers: {}, text: JSON.stringify(body) };
}

function status(code: number, reason: string): JsonObject {
  return { kind: 'Status', apiVersion: 'v1', code, reason, message: reason };
}

describe('autonomy', () => {
  test('pods of an annotated node are lengthened, those there and those that come; no others', async () => {
    const world = new World();
    world.linked.add('edge-1').add('edge-2');
    world.node('edge-1', { 'hawser.dev/autonomy': '72h' });
    world.node('edge-2');
    const there = world.pod('there', 'edge-1');
    const elsewhere = world.pod('elsewhere', 'edge-2');
    await world.settled();
    const comes = world.pod('comes', 'edge-1');
    await world.settled();
    assert.deepEqual(
      [there, comes, elsewhere].map((key) => world.tolerates(key)),
      [259_200, 259_200, 300],
    );
    assert.deepEqual(world.results, ['lengthened', 'lengthened']);
    assert.equal(
      world.requests.every(({ impersonate }) => impersonate === undefined),
      true,
      'with the rights of the relay',
    );
  });

  test('the annotation may come, change and go: each pod is called for once each time', async () => {
    const world = new World();
    world.linked.add('edge-1');
    world.node('edge-1');
    const key = world.pod('web', 'edge-1');
    for (const [text, expected] of [
      ['72h', 259_200],
      ['forever', 'forever'],
      ['1h', 3_600],
    ] as const) {
      world.node('edge-1', { 'hawser.dev/autonomy': text });
      await world.settled();
      assert.equal(world.tolerates(key), expected);
    }
    world.node('edge-1');
    await world.settled();
    assert.equal(world.tolerates(key), 3_600, 'what is taken back waits');
    world.clock.advance(5_000);
    await world.settled();
    assert.equal(world.tolerates(key), 300);
    assert.deepEqual(world.results, ['lengthened', 'lengthened', 'lengthened', 'restored']);
  });

  test('a restore that another replica saw no reason for is forgotten when the annotation is seen', async () => {
    const world = new World();
    world.node('edge-1');
    const annotations = { [TOLERATES_ANNOTATION]: '259200 (was 300)' };
    const spec = {
      nodeName: 'edge-1',
      tolerations: [{ key: UNREACHABLE, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 259_200 }],
    };
    const key = objectKey('pods', 'web', 'web');
    // The other has patched the pod, and this one has not seen the Node's annotation yet.
    world.put(key, { kind: 'Pod', metadata: { name: 'web', namespace: 'web', annotations }, spec });
    assert.equal(world.autonomy.counts().waiting, 1);
    world.node('edge-1', { 'hawser.dev/autonomy': '72h' });
    world.clock.advance(60_000);
    await world.settled();
    assert.deepEqual(world.requests, []);
    assert.equal(world.tolerates(key), 259_200);
  });

  test('the replica with the session acts at once, another only when it is still undone later', async () => {
    const world = new World();
    world.node('edge-1', { 'hawser.dev/autonomy': '72h' });
    const first = world.pod('first', 'edge-1');
    const second = world.pod('second', 'edge-1');
    await world.settled();
    assert.deepEqual(world.requests, []);
    // The other replica has done one of them.
    world.put(second, {
      kind: 'Pod',
      metadata: { name: 'second', namespace: 'web', annotations: { [TOLERATES_ANNOTATION]: '259200 (was 300)' } },
      spec: {
        nodeName: 'edge-1',
        tolerations: [{ key: UNREACHABLE, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 259_200 }],
      },
    });
    world.clock.advance(5_000);
    await world.settled();
    assert.equal(world.requests.length, 1);
    assert.equal(world.tolerates(first), 259_200);
  });

  test('a pod that has changed meanwhile is done with its next version, and there is no loop while nothing is heard', async () => {
    const world = new World();
    world.linked.add('edge-1');
    world.node('edge-1', { 'hawser.dev/autonomy': '72h' });
    world.hears = false;
    world.faults.push(409);
    const key = world.pod('web', 'edge-1');
    await world.settled();
    assert.deepEqual(world.results, ['conflict']);
    world.autonomy.changed(key);
    await world.settled();
    assert.deepEqual(world.results, ['conflict', 'lengthened']);
    assert.equal(world.requests.length, 2);
  });

  test('at most twenty calls a second', async () => {
    const world = new World();
    world.linked.add('edge-1');
    for (let index = 0; index < 100; index += 1) world.pod(`web-${index}`, 'edge-1');
    world.node('edge-1', { 'hawser.dev/autonomy': '72h' });
    const began = world.clock.now().getTime();
    await world.settled();
    assert.equal(world.results.length, 100);
    assert.ok(world.clock.now().getTime() - began >= 99 * 50);
  });

  test('an API server that is away is waited for, and a missing right is tried again after a while', async () => {
    const world = new World();
    world.linked.add('edge-1');
    world.node('edge-1', { 'hawser.dev/autonomy': '72h' });
    world.faults.push('none', 503, 403);
    const key = world.pod('web', 'edge-1');
    await world.settled();
    world.clock.advance(30_000);
    await world.settled();
    assert.deepEqual(world.results, ['forbidden']);
    assert.equal(world.autonomy.counts().waiting, 1);
    world.clock.advance(5 * 60_000);
    await world.settled();
    assert.deepEqual(world.results, ['forbidden', 'lengthened']);
    assert.equal(world.tolerates(key), 259_200);
  });

  test('a pod that the API server refuses for good is left alone until its node says something else', async () => {
    const world = new World();
    world.linked.add('edge-1');
    world.node('edge-1', { 'hawser.dev/autonomy': '72h' });
    world.faults.push(422);
    const key = world.pod('web', 'edge-1');
    await world.settled();
    world.autonomy.changed(key);
    await world.settled();
    assert.deepEqual(world.results, ['failed']);
    world.node('edge-1', { 'hawser.dev/autonomy': '71h' });
    await world.settled();
    assert.deepEqual(world.results, ['failed', 'lengthened']);
  });

  test('a pod that has gone is forgotten', async () => {
    const world = new World();
    world.node('edge-1', { 'hawser.dev/autonomy': '72h' });
    const key = world.pod('web', 'edge-1');
    assert.equal(world.autonomy.counts().waiting, 1);
    world.remove(key);
    assert.equal(world.autonomy.counts().waiting, 0);
  });

  test('what is not valid is told once by an Event on the Node, changes no pod, and takes nothing back', async () => {
    const world = new World();
    world.linked.add('edge-1');
    world.node('edge-1', { 'hawser.dev/autonomy': '72h' });
    const key = world.pod('web', 'edge-1');
    await world.settled();
    world.node('edge-1', { 'hawser.dev/autonomy': 'a while', 'hawser.dev/autonomy-stop-after': 'soon' });
    await world.settled();
    world.node('edge-1', { 'hawser.dev/autonomy': 'a while', 'hawser.dev/autonomy-stop-after': 'soon', other: 'changed' });
    world.clock.advance(60_000);
    await world.settled();
    assert.equal(world.tolerates(key), 259_200);
    assert.deepEqual(world.autonomy.counts().nodes, { span: 0, forever: 0, invalid: 1 });
    assert.equal(world.requests.filter(({ method }) => method === 'POST').length, 2);
    for (const event of world.events.values()) {
      assert.equal(event.reason, 'InvalidAutonomy');
      assert.equal(event.type, 'Warning');
      assert.deepEqual(event.involvedObject, { apiVersion: 'v1', kind: 'Node', name: 'edge-1', uid: 'edge-1' });
    }
    assert.match(
      [...world.events.values()].map(({ message }) => message).join('\n'),
      /hawser.dev\/autonomy is "a while" and has no effect/,
    );
  });

  test('of a Node whose annotation changes without end only the last word waits, and no pod waits for it', async () => {
    const world = new World();
    world.linked.add('edge-2');
    world.faults.push(503);
    for (let index = 0; index < 100; index += 1) world.node('edge-1', { 'hawser.dev/autonomy': `a while ${index}` });
    await world.settled();
    world.node('edge-2', { 'hawser.dev/autonomy': '72h' });
    const key = world.pod('web', 'edge-2');
    const before = world.requests.length;
    for (let index = 100; index < 110; index += 1) {
      world.node('edge-1', { 'hawser.dev/autonomy': `a while ${index}` });
      world.clock.advance(50);
      await world.settled();
    }
    assert.ok(before <= 2, `${before} requests`);
    assert.equal(world.tolerates(key), 259_200);
    world.clock.advance(60_000);
    await world.settled();
    assert.match(String([...world.events.values()].at(-1)?.message), /"a while 109"/);
  });

  test('a device that would stop its pods later than they are replaced is told of', async () => {
    const world = new World();
    world.node('edge-1', { 'hawser.dev/autonomy': '72h', 'hawser.dev/autonomy-stop-after': '72h' });
    await world.settled();
    assert.deepEqual(
      [...world.events.values()].map(({ reason }) => reason),
      ['LateAutonomyStop'],
    );
    world.node('edge-1', { 'hawser.dev/autonomy': '72h', 'hawser.dev/autonomy-stop-after': '71h' });
    await world.settled();
    assert.equal(world.events.size, 1);
  });

  test('nothing is called for after the end', async () => {
    const world = new World();
    world.node('edge-1', { 'hawser.dev/autonomy': '72h' });
    world.pod('web', 'edge-1');
    await world.autonomy.stop();
    world.clock.advance(60_000);
    world.pod('other', 'edge-1');
    await world.settled();
    assert.deepEqual(world.requests, []);
  });
});
