import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type JsonObject, objectKey } from '@hawser/protocol';
import { pino } from 'pino';
import type { RefusedObject } from '../downstream/index.ts';
import { ManualClock } from '../downstream/testing/manual-clock.ts';
import type { NodeApi } from '../upstream/index.ts';
import { createRefusalEvents } from './refusal-events.ts';

type Request = Parameters<NodeApi['request']>[0];

const UID = '11111111-2222-4333-8444-555555555555';
const CONFIG = objectKey('configmaps', 'shop', 'cart');

function refusal(fields: Partial<RefusedObject> = {}): RefusedObject {
  const version = { uid: UID, resourceVersion: '7', hash: 'a'.repeat(16) };
  return { node: 'edge-1', key: CONFIG, version, reason: 'malformed', detail: 'nested too deep', ...fields };
}

/** The Events of an API server that answers as the real one does: 409 for what is there, and for another resourceVersion. */
class Server implements NodeApi {
  readonly events = new Map<string, JsonObject & { count: number }>();
  readonly requests: string[] = [];
  /** Answers before the real ones. */
  readonly faults: (number | { status: number; retryAfter: string } | Error)[] = [];
  /** Called before each answer. */
  before: (request: Request) => void = () => undefined;
  #version = 0;

  async request(request: Request) {
    const { method, path, body = '' } = request;
    this.requests.push(method);
    this.before(request);
    const fault = this.faults.shift();
    if (fault instanceof Error) throw fault;
    if (fault !== undefined) {
      const { status, retryAfter } = typeof fault === 'number' ? { status: fault, retryAfter: undefined } : fault;
      return status === 0 ? this.#none() : { status, headers: { 'retry-after': retryAfter }, text: failure(status, 'Refused') };
    }
    const sent: JsonObject = JSON.parse(body);
    return method === 'POST' ? this.#create(path, sent) : this.#patch(path, sent, request.contentType);
  }

  /** Another relay has counted. */
  countUp(path: string): void {
    const event = this.events.get(path);
    assert.ok(event);
    this.#put(path, { ...event, count: event.count + 1 });
  }

  #create(collection: string, event: JsonObject) {
    const path = `${collection}/${Object(event.metadata).name}`;
    if (this.events.has(path)) return answer(409, failure(409, 'AlreadyExists'));
    this.#put(path, event);
    return answer(201, JSON.stringify(this.events.get(path)));
  }

  #patch(path: string, { metadata, involvedObject: _involved, ...fields }: JsonObject, contentType: string | undefined) {
    assert.equal(contentType, 'application/merge-patch+json');
    const event = this.events.get(path);
    if (event === undefined) return answer(404, failure(404, 'NotFound'));
    const wanted = Object(metadata).resourceVersion;
    if (wanted !== undefined && wanted !== Object(event.metadata).resourceVersion) return answer(409, failure(409, 'Conflict'));
    if (Object.keys(fields).length > 0) this.#put(path, { ...event, ...fields });
    return answer(200, JSON.stringify(this.events.get(path)));
  }

  #put(path: string, event: JsonObject): void {
    this.#version += 1;
    const metadata = { ...Object(event.metadata), uid: path, resourceVersion: String(this.#version) };
    this.events.set(path, { ...event, metadata, count: Number(event.count) });
  }

  #none() {
    return answer(200, '');
  }
}

function answer(status: number, text: string) {
  return { status, headers: { 'retry-after': undefined }, text };
}

function failure(code: number, reason: string): string {
  return JSON.stringify({ kind: 'Status', status: 'Failure', code, reason, message: 'because' });
}

function scene() {
  const server = new Server();
  const clock = new ManualClock();
  const results: string[] = [];
  const refusals = createRefusalEvents({
    api: server,
    clock,
    random: () => 0.5,
    logger: pino({ level: 'silent' }),
    instance: 'relay-0',
    apiCall: () => undefined,
    onResult: (result) => results.push(result),
  });
  /** Lets promises settle and time pass, step by step. */
  const pass = async (milliseconds: number) => {
    for (let at = 0; at <= milliseconds; at += 100) {
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      clock.advance(100);
    }
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };
  return { server, clock, results, refusals, pass, events: () => [...server.events.values()] };
}

describe('an object that a device refuses', () => {
  test('gets an Event that says which node, which version and why', async () => {
    const { refusals, pass, server, results } = scene();
    refusals.add(refusal());
    await pass(0);
    const [[path, event] = []] = server.events;
    assert.match(String(path), /^\/api\/v1\/namespaces\/shop\/events\/refused-by-device\.[0-9a-f]{24}$/);
    const { metadata, ...rest } = event ?? { metadata: undefined };
    assert.equal(Object(metadata).namespace, 'shop');
    assert.deepEqual(rest, {
      apiVersion: 'v1',
      kind: 'Event',
      involvedObject: { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'cart', uid: UID, resourceVersion: '7' },
      type: 'Warning',
      reason: 'RefusedByDevice',
      message: 'Node edge-1 could not take this version: malformed (nested too deep)',
      source: { component: 'hawser-relay' },
      reportingComponent: 'hawser-relay',
      reportingInstance: 'relay-0',
      firstTimestamp: '2030-01-01T00:00:00Z',
      lastTimestamp: '2030-01-01T00:00:00Z',
      count: 1,
    });
    assert.deepEqual(results, ['created']);
    assert.deepEqual(server.requests, ['POST']);
  });

  test('is counted up when it is refused again, by the same relay or by another', async () => {
    const { refusals, pass, events, results, server } = scene();
    refusals.add(refusal());
    await pass(60_000);
    const [path = ''] = server.events.keys();
    server.countUp(path);
    refusals.add(refusal({ version: { uid: UID, resourceVersion: '9', hash: 'b'.repeat(16) }, detail: 'too deep still' }));
    await pass(0);
    assert.deepEqual(
      events().map(({ count, message, firstTimestamp, lastTimestamp }) => ({ count, message, firstTimestamp, lastTimestamp })),
      [
        {
          count: 3,
          message: 'Node edge-1 could not take this version: malformed (too deep still)',
          firstTimestamp: '2030-01-01T00:00:00Z',
          lastTimestamp: '2030-01-01T00:01:00Z',
        },
      ],
    );
    assert.deepEqual(results, ['created', 'counted']);
  });

  test('has an Event for each node and each reason, and for each object that had the name', async () => {
    const { refusals, pass, events } = scene();
    refusals.add(refusal());
    refusals.add(refusal({ node: 'edge-2' }));
    refusals.add(refusal({ reason: 'tooLarge' }));
    refusals.add(refusal({ version: { uid: UID.replace('1', '3'), resourceVersion: '20', hash: 'c'.repeat(16) } }));
    await pass(2_000);
    assert.deepEqual(
      events().map(({ count }) => count),
      [1, 1, 1, 1],
    );
  });

  test('that has no namespace gets it in default, as in Kubernetes', async () => {
    const { refusals, pass, events, server } = scene();
    refusals.add(refusal({ key: objectKey('nodes', '', 'edge-1') }));
    refusals.add(refusal({ key: objectKey('storage.k8s.io/volumeattachments', '', 'va'), node: 'edge-2' }));
    await pass(1_000);
    assert.ok([...server.events.keys()].every((path) => path.startsWith('/api/v1/namespaces/default/events/')));
    assert.deepEqual(
      events().map(({ involvedObject }) => involvedObject),
      [
        { apiVersion: 'v1', kind: 'Node', name: 'edge-1', uid: UID, resourceVersion: '7' },
        { apiVersion: 'storage.k8s.io/v1', kind: 'VolumeAttachment', name: 'va', uid: UID, resourceVersion: '7' },
      ],
    );
  });

  test('gets none where the object is to be sent whole anyway, or its kind is not known', async () => {
    const { refusals, pass, server } = scene();
    refusals.add(refusal({ reason: 'baseUnknown' }));
    refusals.add(refusal({ key: objectKey('example.org/gizmos', 'shop', 'a') }));
    await pass(1_000);
    assert.deepEqual(server.requests, []);
  });
});

describe('an API server', () => {
  test('that is away, overloaded or slow is asked again, no sooner than it says, and nothing is lost', async () => {
    const { refusals, pass, server, events, clock } = scene();
    server.faults.push(new Error('connection refused'), 500, { status: 429, retryAfter: '20' });
    refusals.add(refusal());
    await pass(5_000);
    assert.equal(server.requests.length, 3);
    const asked = clock.now().getTime();
    refusals.add(refusal());
    await pass(12_000);
    assert.equal(server.requests.length, 3, 'not before its time');
    await pass(10_000);
    assert.ok(clock.now().getTime() > asked);
    assert.deepEqual(
      events().map(({ count }) => count),
      [2],
      'what came meanwhile is in the same one',
    );
    assert.equal(refusals.waiting(), 0);
  });

  test('that refuses is not asked again', async () => {
    const { refusals, pass, server, results } = scene();
    server.faults.push(403);
    refusals.add(refusal());
    await pass(60_000);
    assert.deepEqual([server.requests.length, results, refusals.waiting()], [1, ['failed'], 0]);
  });

  test('that forgets an Event between two calls is given it anew', async () => {
    const { refusals, pass, server, events } = scene();
    refusals.add(refusal());
    await pass(1_000);
    server.before = ({ method }) => {
      if (method === 'PATCH') server.events.clear();
    };
    refusals.add(refusal());
    await pass(1_000);
    assert.deepEqual(
      events().map(({ count }) => count),
      [1],
    );
  });

  test('at which others count the same Event is asked until no count is lost', async () => {
    const { refusals, pass, server, events } = scene();
    refusals.add(refusal());
    await pass(1_000);
    let others = 2;
    server.before = ({ method, path, body }) => {
      if (method === 'PATCH' && body !== '{}' && others > 0) [server.countUp(path), others--];
    };
    refusals.add(refusal());
    await pass(1_000);
    assert.deepEqual(
      events().map(({ count }) => count),
      [4],
    );
  });
});

describe('many refusals', () => {
  test('are written five a second, those of one Event as one', async () => {
    const { refusals, pass, server, events } = scene();
    for (let n = 0; n < 50; n++) for (let times = 0; times < 3; times++) refusals.add(refusal({ node: `edge-${n}` }));
    await pass(2_000);
    // One every 200 ms; the first was under way before its repetitions came, and takes three more calls.
    assert.ok(server.requests.length <= 14, `${server.requests.length} requests`);
    await pass(15_000);
    assert.equal(events().length, 50);
    assert.equal(
      events().reduce((sum, { count }) => sum + count, 0),
      150,
    );
  });

  test('over the bound drop the oldest and say so', async () => {
    const { refusals, pass, results, server } = scene();
    server.faults.push(...Array.from({ length: 3 }, () => 503));
    for (let n = 0; n < 1_500; n++) refusals.add(refusal({ node: `edge-${n}` }));
    assert.equal(refusals.waiting(), 1_000);
    await pass(100);
    assert.equal(refusals.waiting(), 1_000);
    assert.equal(results.filter((result) => result === 'dropped').length, 500, 'one was under way and came back');
  });

  test('end with the relay', async () => {
    const { refusals, pass, server, clock } = scene();
    for (let n = 0; n < 10; n++) refusals.add(refusal({ node: `edge-${n}` }));
    await pass(300);
    await refusals.stop();
    const asked = server.requests.length;
    refusals.add(refusal());
    await pass(10_000);
    assert.equal(server.requests.length, asked);
    assert.deepEqual([refusals.waiting(), clock.timers], [0, 0]);
  });
});
