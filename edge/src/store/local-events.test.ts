import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { JsonObject, Report } from '@hawser/protocol';
import { type MemoryStore, openMemoryStore } from './memory.ts';
import {
  applied,
  CLUSTER,
  create,
  refused,
  remove,
  served,
  silent,
  storageKey,
  testObject,
  update,
  upsert,
  writeStatus,
} from './testing.ts';
import type { StoreLimits } from './types.ts';

const DAY = 24 * 60 * 60 * 1000;
const START = Date.parse('2026-03-01T12:00:00.000Z');
const POD = storageKey('pods', 'web');
const event = (n: number) => storageKey('events', `web.${n}`);

/** A store whose clock the test moves, over memory. */
class Device {
  now = START;
  store: MemoryStore;
  readonly #limits: Partial<StoreLimits>;

  constructor(t: TestContext, limits: Partial<StoreLimits> = {}) {
    this.#limits = limits;
    this.store = this.#open();
    this.store.bindCluster(CLUSTER);
    t.after(() => this.store.close());
  }

  /** As after kill -9. */
  restart(): void {
    const image = this.store.image();
    this.store.close();
    this.store = this.#open(image);
  }

  make(...numbers: number[]): void {
    for (const n of numbers) create(this.store, event(n), `e${n}`, { reason: 'Test', count: 1 });
  }

  kept(): string[] {
    return this.store.storage.list('events').map(({ metadata }) => metadata.name ?? '');
  }

  /** Answers what is pending, until nothing is. @returns the reports, in order */
  deliver(): Report[] {
    const reports: Report[] = [];
    for (let batch = this.store.outbox.pending(10); batch.length > 0; batch = this.store.outbox.pending(10)) {
      for (const { number } of batch) this.store.outbox.answer(number, applied(`u${number}`, String(number)));
      reports.push(...batch);
      assert.ok(reports.length < 10_000, 'the outbox does not empty');
    }
    return reports;
  }

  #open(image?: Buffer): MemoryStore {
    const clock = { now: () => new Date(this.now) };
    return openMemoryStore({ logger: silent, clock, limits: this.#limits, ...(image === undefined ? {} : { image }) });
  }
}

function bodyOf({ operation }: Report): JsonObject {
  assert.equal(operation.type, 'create');
  return operation.type === 'create' ? JSON.parse(operation.body) : {};
}

/** The reports that tell of a loss. */
function losses(reports: readonly Report[]): JsonObject[] {
  return reports
    .filter(({ resource, operation }) => resource === 'events' && operation.type === 'create')
    .flatMap((report) => {
      const body = bodyOf(report);
      return body.reason === 'EventsDropped' ? [body] : [];
    });
}

describe('events of the device', () => {
  it('go when there are too many: those that the cloud has first, then the oldest', (t) => {
    const device = new Device(t, { events: 3 });
    device.make(1, 2);
    const [first, second] = device.store.outbox.pending(10);
    device.store.outbox.answer(second?.number ?? 0, applied('u2', '5'));
    device.store.outbox.answer(first?.number ?? 0, { type: 'unavailable', retryAfterMs: 1, message: '' });
    device.make(3, 4);
    assert.deepEqual(device.kept(), ['web.1', 'web.3', 'web.4'], 'the cloud has web.2');
    assert.equal(device.store.outbox.dropped().total.count, 0);
    device.make(5);
    assert.deepEqual(device.kept(), ['web.3', 'web.4', 'web.5']);
    assert.deepEqual(device.store.outbox.dropped(), { total: { count: 1, bytes: 0, age: 0 }, untold: 1 });
  });

  it('go when they are too large together, but for the newest', (t) => {
    const device = new Device(t, { eventBytes: 2_000 });
    for (const n of [1, 2, 3]) create(device.store, event(n), `e${n}`, { message: 'x'.repeat(700) });
    assert.deepEqual(device.kept(), ['web.2', 'web.3']);
    create(device.store, event(4), 'e4', { message: 'x'.repeat(5_000) });
    assert.deepEqual(device.kept(), ['web.4']);
    assert.deepEqual(device.store.outbox.dropped().total, { count: 0, bytes: 3, age: 0 });
    assert.ok(device.store.outbox.size().bytes > 5_000);
  });

  it('go when they have waited too long, from their last count', (t) => {
    const device = new Device(t, { eventAgeMs: 2 * DAY });
    device.make(1, 2);
    device.now += DAY;
    update(device.store, { ...served(device.store, event(1)), count: 2 }, event(1));
    device.now += DAY + 1;
    device.make(3);
    assert.deepEqual(device.kept(), ['web.1', 'web.3']);
    device.now += DAY;
    device.store.outbox.welcomed('edge-1');
    assert.deepEqual(device.store.outbox.dropped(), { total: { count: 0, bytes: 0, age: 2 }, untold: 0 });
    const [told, ...others] = losses(device.deliver());
    assert.deepEqual(others, []);
    assert.match(
      String(told?.message),
      /^2 Events of this device were dropped .*: 2 older than 2 days; the oldest was made at 2026-03-01T12/,
    );
  });

  it('have no age when the clock was not set', (t) => {
    const device = new Device(t);
    device.now = Date.parse('1970-01-01T00:01:00Z');
    device.make(1);
    device.now = START;
    device.make(2);
    assert.deepEqual(device.kept(), ['web.1', 'web.2']);
  });

  it('are not dropped on their way', (t) => {
    const device = new Device(t, { events: 1 });
    device.make(1);
    const [report] = device.store.outbox.pending(1);
    device.make(2, 3);
    assert.deepEqual(device.kept(), ['web.1', 'web.3']);
    device.store.outbox.answer(report?.number ?? 0, applied('u1', '5'));
    device.make(4);
    assert.deepEqual(device.kept(), ['web.4']);
  });

  it('go after everything else', (t) => {
    const device = new Device(t);
    device.make(1);
    device.store.applyBatch(CLUSTER, [upsert(POD, '10', testObject(POD, 'uid-web'))]);
    writeStatus(device.store, POD, { phase: 'Running' });
    assert.deepEqual(
      device.deliver().map(({ resource }) => resource),
      ['pods', 'events'],
    );
  });
});

describe('an outbox that is full', () => {
  function withPods(device: Device, ...names: string[]): void {
    const pods = names.map((name) => storageKey('pods', name));
    device.store.applyBatch(
      CLUSTER,
      pods.map((pod) => upsert(pod, '10', testObject(pod, `uid-${pod.name}`))),
    );
  }

  it('makes room for statuses and removals by dropping the oldest events', (t) => {
    const device = new Device(t, { outboxEntries: 3 });
    withPods(device, 'a', 'b');
    device.make(1, 2, 3);
    writeStatus(device.store, storageKey('pods', 'a'), { phase: 'Running' });
    assert.deepEqual(device.kept(), ['web.2', 'web.3']);
    remove(device.store, storageKey('pods', 'b'));
    assert.deepEqual(device.kept(), ['web.3']);
    assert.deepEqual(device.store.outbox.dropped().total, { count: 2, bytes: 0, age: 0 });
    writeStatus(device.store, storageKey('pods', 'a'), { phase: 'Failed' });
    assert.deepEqual(device.kept(), ['web.3'], 'what merges needs no room');
    device.make(4);
    assert.deepEqual(device.kept(), ['web.4'], 'a new event takes the place of an old one');
  });

  it('counts bytes as well', (t) => {
    const device = new Device(t, { outboxBytes: 2_000 });
    withPods(device, 'a');
    for (const n of [1, 2]) create(device.store, event(n), `e${n}`, { message: 'x'.repeat(600) });
    writeStatus(device.store, storageKey('pods', 'a'), { message: 'y'.repeat(900) });
    assert.deepEqual(device.kept(), ['web.2']);
    writeStatus(device.store, storageKey('pods', 'a'), { message: 'y'.repeat(1_500) });
    assert.deepEqual(device.kept(), []);
    assert.deepEqual(device.store.outbox.dropped().total, { count: 0, bytes: 2, age: 0 });
    const before = served(device.store, storageKey('pods', 'a'));
    assert.throws(() => writeStatus(device.store, storageKey('pods', 'a'), { message: 'y'.repeat(2_500) }), {
      code: 'too_large',
      message: /^the outbox has no room for 25\d\d bytes more: .* and at most 2000 bytes are kept$/,
    });
    assert.deepEqual(served(device.store, storageKey('pods', 'a')), before);
  });

  it('refuses what may not be lost when no event is left, and keeps all that it has', (t) => {
    const device = new Device(t, { outboxEntries: 2 });
    withPods(device, 'a', 'b', 'c');
    writeStatus(device.store, storageKey('pods', 'a'), { phase: 'Running' });
    remove(device.store, storageKey('pods', 'b'));
    assert.throws(() => remove(device.store, storageKey('pods', 'c')), { code: 'too_large' });
    assert.throws(() => device.make(1), { code: 'too_large' });
    assert.ok(device.store.storage.get(storageKey('pods', 'c')));
    assert.equal(device.store.outbox.count(), 2);
    device.deliver();
    remove(device.store, storageKey('pods', 'c'));
  });

  it('does not drop the event that is being counted up', (t) => {
    const device = new Device(t, { outboxEntries: 1 });
    device.make(1);
    device.restart();
    assert.throws(() => update(device.store, { ...served(device.store, event(1)), count: 2 }, event(1)), { code: 'too_large' });
    assert.deepEqual(device.kept(), ['web.1']);
  });
});

describe('a loss of events', () => {
  it('is told once, by an event on the node, in the first session after it', (t) => {
    const device = new Device(t, { events: 2 });
    device.make(1, 2, 3, 4, 5);
    assert.deepEqual(losses(device.deliver()), [], 'no link, no telling');
    device.make(6, 7, 8);
    device.store.outbox.welcomed('edge-1');
    const [told, ...others] = losses(device.deliver());
    assert.deepEqual(others, []);
    assert.deepEqual([told?.type, told?.reason, told?.count], ['Warning', 'EventsDropped', 1]);
    assert.deepEqual(told?.involvedObject, { apiVersion: 'v1', kind: 'Node', name: 'edge-1', uid: 'edge-1' });
    assert.match(
      String(told?.message),
      /^4 Events of this device were dropped before the cloud was told of them: 4 over the number that is kept; the oldest was made at 2026-03-01T12:00:00.000Z$/,
    );
    device.store.outbox.release();
    device.store.outbox.welcomed('edge-1');
    assert.deepEqual(device.deliver(), []);
    assert.deepEqual(device.store.outbox.dropped(), { total: { count: 4, bytes: 0, age: 0 }, untold: 0 });
  });

  it('is told once when the process dies before or after it was put into the outbox', (t) => {
    const device = new Device(t, { events: 1 });
    device.make(1, 2);
    device.restart();
    assert.equal(device.store.outbox.dropped().untold, 1);
    device.store.outbox.welcomed('edge-1');
    device.restart();
    device.store.outbox.welcomed('edge-1');
    device.store.outbox.pending(10);
    device.restart();
    device.store.outbox.welcomed('edge-1');
    const reports = device.deliver();
    assert.equal(losses(reports).length, 1);
    device.restart();
    device.store.outbox.welcomed('edge-1');
    assert.deepEqual(device.deliver(), []);
  });

  it('that comes while an earlier one is being told is told after it, and no bound takes the telling away', (t) => {
    const device = new Device(t, { events: 2, eventBytes: 1_000 });
    device.make(1, 2, 3);
    device.store.outbox.welcomed('edge-1');
    device.make(4, 5, 6, 7, 8);
    device.now += 30 * DAY;
    device.make(9);
    const told = losses(device.deliver());
    const counts = told.map(({ message }) => Number(/^\d+/.exec(String(message))?.[0]));
    assert.equal(told.length, 2);
    const { total, untold } = device.store.outbox.dropped();
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      total.count + total.bytes + total.age,
    );
    assert.equal(untold, 0);
    const names = told.map(({ metadata }) => Object(metadata).name);
    assert.notEqual(names[0], names[1]);
  });

  it('is not told again when its event is refused: what is refused shows', (t) => {
    const device = new Device(t, { events: 1 });
    device.make(1, 2);
    device.store.outbox.welcomed('edge-1');
    for (const { number } of device.store.outbox.pending(10)) device.store.outbox.answer(number, refused(403, 'Forbidden'));
    assert.deepEqual(device.store.outbox.pending(10), []);
    assert.equal(device.store.outbox.refusals().length, 2);
  });
});
