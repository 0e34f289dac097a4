import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { type LocalDevice, type LocalDeviceOptions, startLocalDevice } from '../local/device.ts';
import { Random } from '../model/random.ts';
import { freePort } from '../support/free-port.ts';
import { assertClean } from './assert-clean.ts';
import { Client } from './http/client.ts';
import { Crowd, figuresText } from './informer/crowd.ts';
import { runChecks } from './run.ts';

/** What does not fit a device, and why, in the beginning of the words that the kit says. */
const NOT_APPLICABLE: Readonly<Record<string, string>> = {
  'apply.serverSide': 'server-side apply is not offered: 403',
  'delete.collection': 'mirror pods of edge-1 may not be deleted together',
  'delete.finalizers': 'mirror pods of edge-1 take no finalizers',
};

/** For the random writes; the rest of the kit takes some 20 s, most of them waits for timeouts. */
const SECONDS = 4;
/** For caches to become what the list is, in milliseconds: generous, for slow machines. */
const CATCH_UP_MS = 60_000;
/** Between two writes of the cloud. */
const CLOUD_WRITES_EVERY_MS = 10;
const CONFIG_MAPS = 10;

describe('the conformance kit against the local API of a device', { timeout: 300_000, concurrency: true }, () => {
  const seed = randomInt(0x1_0000_0000);

  it('finds nothing wrong for its administrator, and says of what does not fit why', async (t) => {
    const device = await startDevice(t);
    const run = await runChecks({ access: accessOf(device, device.access.token), namespace: 'default', seed, seconds: SECONDS });
    assert.deepEqual(run.wrote, ['mirror pods of edge-1']);
    assertClean(run, NOT_APPLICABLE);
    assert.deepEqual(device.store.storage.list('pods'), []);
  });

  it('has informers that follow what the cloud sends, past the bound of the change log, through restarts and a new store', async (t) => {
    const random = new Random(seed);
    // So short that a watch that was away for a moment has lost its place.
    const limits = { changeLogEntries: 20 };
    const port = await freePort();
    let device = await startDevice(t, { port, limits });
    const { folder } = device;
    const cloud = new PlayedCloud(random);
    const writing = setInterval(() => cloud.write(device), CLOUD_WRITES_EVERY_MS);
    t.after(() => clearInterval(writing));
    const restart = async (between: () => void) => {
      cloud.pause();
      await device.stop();
      between();
      device = await startDevice(t, { folder, port, limits });
      cloud.resume(device);
    };
    const client = new Client(accessOf(device, device.access.viewerToken));
    t.after(() => client.close());
    const crowd = new Crowd({ client, path: '/api/v1/configmaps', labelSelector: '', seed });
    t.after(() => crowd.stop());
    await cloud.writes(100);
    await restart(() => {});
    await cloud.writes(200);
    await crowd.converge(CATCH_UP_MS);
    const before = crowd.figures();
    await restart(() => {
      for (const name of ['agent.db', 'agent.db-wal', 'agent.db-shm']) rmSync(join(folder, name), { force: true });
    });
    await cloud.writes(300);
    clearInterval(writing);
    await crowd.converge(CATCH_UP_MS);
    const after = crowd.figures();
    // Each of the seven has found that the store is another.
    assert.ok(
      after.expiredWatches - before.expiredWatches >= 7,
      `seed ${seed}: ${figuresText(before)}, then ${figuresText(after)}`,
    );
  });
});

async function startDevice(t: TestContext, options: LocalDeviceOptions = {}): Promise<LocalDevice> {
  const device = await startLocalDevice(options);
  t.after(device.close);
  device.put(
    { apiVersion: 'v1', kind: 'Node', metadata: { name: device.node, uid: randomUUID(), resourceVersion: '5' } },
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default', uid: randomUUID(), resourceVersion: '6' } },
  );
  return device;
}

function accessOf(device: LocalDevice, token: string) {
  return { server: device.url, token, ca: device.access.cert };
}

/** Writes ConfigMaps as a cluster does: new ones, changed ones, deleted ones, and ones that are made anew under the same name. */
class PlayedCloud {
  readonly #random: Random;
  readonly #objects = new Map<string, KubeObject>();
  #version = 100;
  #count = 0;
  #isPaused = false;
  #waiting: { readonly count: number; readonly reached: () => void } | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  write(device: LocalDevice): void {
    if (this.#isPaused) return;
    this.#count++;
    const name = `from-the-cloud-${this.#random.integer(CONFIG_MAPS)}`;
    const known = this.#objects.get(name);
    if (known !== undefined && this.#random.oneIn(4)) {
      device.drop(known);
      this.#objects.delete(name);
    } else {
      // Where the cloud has missed a delete by a device, it sends the new one in its place.
      const uid = known === undefined || this.#random.oneIn(8) ? randomUUID() : known.metadata.uid;
      const object: KubeObject = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, namespace: 'default', ...(uid === undefined ? {} : { uid }), resourceVersion: String(++this.#version) },
        data: { count: String(this.#count) },
      };
      device.put(object);
      this.#objects.set(name, object);
    }
    if (this.#waiting !== undefined && this.#count >= this.#waiting.count) this.#waiting.reached();
  }

  /** Resolves when it has written so often. */
  writes(count: number): Promise<void> {
    return new Promise((reached) => {
      this.#waiting = { count, reached };
    });
  }

  pause(): void {
    this.#isPaused = true;
  }

  /** Goes on with a device that may have lost everything. */
  resume(device: LocalDevice): void {
    for (const object of this.#objects.values()) device.put(object);
    this.#isPaused = false;
  }
}
