import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type KubeObject, TOLERATES_ANNOTATION, UNREACHABLE_TAINT } from '@hawser/protocol';
import { pino } from 'pino';
import { ManualClock } from '../../../test/api/manual-clock.ts';
import { MemoryStorage } from '../../../test/apiserver/memory-storage.ts';
import type { SyncState } from '../sync/index.ts';
import { type AutonomousStop, startAutonomousStop } from './autonomous-stop.ts';

const HOUR = 3_600_000;
const MINUTE = 60_000;
const START = Date.UTC(2026, 10, 23);

/** A device: its clocks, its store over restarts and boots, its link, its pods. */
class Device {
  readonly facts = new Map<string, string>();
  readonly storage = new MemoryStorage();
  readonly clock = new ManualClock(START);
  /** By which the wall clock is wrong. */
  wallError = 0;
  bootId = 'boot-1';
  readonly stopped: string[] = [];
  readonly told: number[] = [];
  factWrites = 0;
  failures = 0;
  #bootedAt = START - HOUR;
  #state: SyncState = { name: 'disconnected', goodbye: undefined };
  readonly #listeners = new Set<(state: SyncState) => void>();
  agent: AutonomousStop | undefined;

  start(): void {
    this.agent = startAutonomousStop({
      store: {
        fact: (name) => this.facts.get(name),
        setFact: (name, value) => {
          this.factWrites += 1;
          this.facts.set(name, value);
        },
      },
      storage: this.storage,
      sync: {
        state: () => this.#state,
        onState: (listener) => {
          this.#listeners.add(listener);
          return () => this.#listeners.delete(listener);
        },
      },
      nodeName: 'edge-1',
      stopPod: async ({ metadata }) => {
        if (this.failures > 0) {
          this.failures -= 1;
          throw new Error('disk is full');
        }
        this.stopped.push(metadata.name ?? '');
        const key = { resource: 'pods', namespace: 'default', name: metadata.name ?? '' };
        const pod = this.storage.get(key);
        assert.ok(pod);
        const marked = { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-11-26T00:00:00Z' } };
        this.#update(key, pod, marked);
      },
      onStopped: (pods) => this.told.push(pods),
      clock: {
        now: () => new Date(this.clock.now().getTime() + this.wallError),
        after: (milliseconds, callback) => this.clock.after(milliseconds, callback),
      },
      uptime: { bootId: this.bootId, now: () => this.clock.now().getTime() - this.#bootedAt },
      logger: pino({ level: 'silent' }),
    });
  }

  /** The agent is killed: nothing is written, and its timers are gone. */
  kill(): void {
    this.#listeners.clear();
    const { agent } = this;
    const facts = new Map(this.facts);
    agent?.close();
    this.facts.clear();
    for (const [name, value] of facts) this.facts.set(name, value);
    this.#state = { name: 'disconnected', goodbye: undefined };
  }

  /** The machine is off for so long, and starts again. */
  reboot(offMs: number): void {
    this.kill();
    this.clock.advance(offMs);
    this.bootId = `${this.bootId}+`;
    this.#bootedAt = this.clock.now().getTime();
    this.start();
  }

  link(state: 'inSync' | 'disconnected' | 'greeting'): void {
    this.#state =
      state === 'inSync'
        ? { name: state, detail: '' }
        : state === 'greeting'
          ? { name: state }
          : { name: state, goodbye: undefined };
    for (const listener of this.#listeners) listener(this.#state);
  }

  annotate(text: string | undefined): void {
    const key = { resource: 'nodes', namespace: '', name: 'edge-1' };
    const annotations = text === undefined ? {} : { 'hawser.dev/autonomy-stop-after': text };
    const node: KubeObject = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'edge-1', uid: 'node', annotations } };
    const before = this.storage.get(key);
    if (before === undefined) this.storage.commit({ type: 'create', key, object: node });
    else this.#update(key, before, node);
  }

  pod(name: string, tolerationSeconds: number | undefined = 300, more: object = {}, metadata: object = {}): void {
    const toleration = {
      key: UNREACHABLE_TAINT,
      operator: 'Exists',
      effect: 'NoExecute',
      ...(tolerationSeconds === Infinity ? {} : { tolerationSeconds }),
    };
    this.storage.commit({
      type: 'create',
      key: { resource: 'pods', namespace: 'default', name },
      object: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'default', uid: `uid-${name}`, ...metadata },
        spec: { nodeName: 'edge-1', tolerations: [toleration] },
        ...more,
      },
    });
  }

  async after(milliseconds: number): Promise<void> {
    this.clock.advance(milliseconds);
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  #update(key: { resource: string; namespace: string; name: string }, before: KubeObject, object: KubeObject): void {
    const expectedRevision = Number(before.metadata.resourceVersion);
    this.storage.commit({ type: 'update', key, expectedRevision, object, subresource: '', intent: { verb: 'update' } });
  }
}

function linkedDevice(stopAfter: string | undefined): Device {
  const device = new Device();
  device.annotate(stopAfter);
  device.pod('web');
  device.start();
  device.link('inSync');
  return device;
}

describe('a device without a link', () => {
  test('ends its pods when the time is up, not before, and tells of it once', async () => {
    const device = linkedDevice('71h');
    await device.after(5 * HOUR);
    device.link('disconnected');
    await device.after(71 * HOUR - 1);
    assert.deepEqual(device.stopped, []);
    await device.after(1);
    assert.deepEqual(device.stopped, ['web']);
    await device.after(71 * HOUR);
    assert.deepEqual(device.stopped, ['web']);
    assert.deepEqual(device.told, [1]);
    assert.equal(device.agent?.stats().podsStopped, 1);
  });

  test('does nothing of the kind without the annotation, or with one that is not valid', async () => {
    for (const text of [undefined, 'soon', 'forever', '0h']) {
      const device = linkedDevice(text);
      device.link('disconnected');
      await device.after(24 * 365 * HOUR);
      assert.deepEqual(device.stopped, []);
      assert.equal(device.agent?.stats().awaySeconds, undefined);
      assert.equal(device.clock.pending, 0, 'and wakes for nothing');
    }
  });

  test('counts from the last link, and an attempt to make one is none', async () => {
    const device = linkedDevice('10h');
    device.link('disconnected');
    await device.after(9 * HOUR);
    device.link('inSync');
    await device.after(1);
    device.link('disconnected');
    await device.after(9 * HOUR);
    device.link('greeting');
    device.link('disconnected');
    assert.deepEqual(device.stopped, []);
    await device.after(HOUR);
    assert.deepEqual(device.stopped, ['web']);
  });

  test('a wall clock that jumps, either way, changes nothing', async () => {
    for (const jump of [1_000_000 * HOUR, -100 * HOUR]) {
      const device = linkedDevice('10h');
      device.link('disconnected');
      await device.after(5 * HOUR);
      device.wallError = jump;
      await device.after(5 * HOUR - 1);
      assert.deepEqual(device.stopped, []);
      await device.after(1);
      assert.deepEqual(device.stopped, ['web']);
    }
  });

  test('a restart of the agent loses no time, whatever the wall clock did meanwhile', async () => {
    const device = linkedDevice('10h');
    device.link('disconnected');
    await device.after(5 * HOUR);
    device.kill();
    device.wallError = 1_000 * HOUR;
    device.clock.advance(4 * HOUR);
    device.start();
    await device.after(HOUR - 1);
    assert.deepEqual(device.stopped, []);
    await device.after(1);
    assert.deepEqual(device.stopped, ['web']);
  });

  test('after a start past the time pods are ended at once', async () => {
    const device = linkedDevice('10h');
    device.link('disconnected');
    device.kill();
    device.clock.advance(11 * HOUR);
    device.start();
    await device.after(0);
    assert.deepEqual(device.stopped, ['web']);
  });

  test('the time that the machine was off counts, by its wall clock; a minute is left for the link, or for the clock to be set', async () => {
    const device = linkedDevice('10h');
    await device.after(HOUR);
    device.reboot(12 * HOUR);
    await device.after(MINUTE - 1);
    assert.deepEqual(device.stopped, []);
    await device.after(1);
    assert.deepEqual(device.stopped, ['web']);
  });

  test('a link that comes within that minute is in time', async () => {
    const device = linkedDevice('10h');
    await device.after(HOUR);
    device.reboot(12 * HOUR);
    await device.after(MINUTE - 1);
    device.link('inSync');
    await device.after(HOUR);
    assert.deepEqual(device.stopped, []);
  });

  test('a clock that is wrong at the boot and set within a minute ends nothing', async () => {
    const device = linkedDevice('10h');
    await device.after(HOUR);
    device.wallError = 1_000 * HOUR;
    device.reboot(HOUR);
    await device.after(30_000);
    device.wallError = 0;
    await device.after(HOUR);
    assert.deepEqual(device.stopped, []);
    // The hour that it was off, and what was not noted before it, count.
    await device.after(8 * HOUR);
    assert.deepEqual(device.stopped, ['web']);
  });

  test('a machine without a clock of its own counts only the time that it is up', async () => {
    const device = linkedDevice('10h');
    device.link('disconnected');
    await device.after(5 * HOUR);
    device.wallError = -1_000 * HOUR;
    device.reboot(100 * HOUR);
    await device.after(4 * HOUR);
    assert.deepEqual(device.stopped, []);
    await device.after(HOUR + 10 * MINUTE);
    assert.deepEqual(device.stopped, ['web']);
  });

  test('an annotation that comes with the link counts from then on', async () => {
    const device = linkedDevice(undefined);
    await device.after(100 * HOUR);
    device.annotate('10h');
    device.link('disconnected');
    await device.after(10 * HOUR - 1);
    assert.deepEqual(device.stopped, []);
    await device.after(1);
    assert.deepEqual(device.stopped, ['web']);
  });

  test('pods that the cluster would not move stay: of DaemonSets, static, finished, ending', async () => {
    const device = new Device();
    device.annotate('1h');
    device.pod('web');
    device.pod('kept-for-long', 259_200, {}, { annotations: { [TOLERATES_ANNOTATION]: '259200 (was 300)' } });
    device.pod('kept-for-ever', Infinity, {}, { annotations: { [TOLERATES_ANNOTATION]: 'forever (was 300)' } });
    device.pod('daemon', Infinity);
    device.pod('static', Infinity, {}, { annotations: { 'kubernetes.io/config.mirror': 'hash' } });
    device.pod('done', 300, { status: { phase: 'Succeeded' } });
    device.pod('ending', 300, {}, { deletionTimestamp: '2026-11-23T00:00:00Z' });
    device.start();
    await device.after(HOUR);
    assert.deepEqual(device.stopped.sort(), ['kept-for-ever', 'kept-for-long', 'web']);
  });

  test('what fails is tried again, and a link that is back ends it', async () => {
    const device = linkedDevice('1h');
    device.pod('api');
    device.failures = 2;
    device.link('disconnected');
    await device.after(HOUR);
    assert.deepEqual(device.stopped, []);
    await device.after(10_000);
    await device.after(10_000);
    assert.deepEqual(device.stopped, ['api', 'web']);
  });

  test('a device that stays away for long writes seldom', async () => {
    const device = linkedDevice('71h');
    device.link('disconnected');
    device.factWrites = 0;
    for (let attempt = 0; attempt < 24 * 60; attempt += 1) {
      device.link('greeting');
      device.link('disconnected');
      await device.clock.advance(MINUTE);
    }
    assert.ok(device.factWrites <= 24 * 6 + 1, `${device.factWrites} writes in a day`);
  });
});
