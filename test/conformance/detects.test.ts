import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Change, StorageKey, Write } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { MemoryStorage } from '../apiserver/memory-storage.ts';
import { startEmbeddedApiServer } from '../apiserver/server.ts';
import { type Result, runChecks } from './run.ts';

/** Some changes never reach a watch. */
class Forgetful extends MemoryStorage {
  override subscribe(resource: string, listener: (change: Change) => void): () => void {
    return super.subscribe(resource, (change) => {
      if (change.revision % 7 !== 0) listener(change);
    });
  }
}

/** What an object was before is not told. */
class WithoutPast extends MemoryStorage {
  override subscribe(resource: string, listener: (change: Change) => void): () => void {
    return super.subscribe(resource, ({ previous, ...change }) => {
      listener(
        change.type === 'MODIFIED' ? { ...change, previous: change.object } : { ...change, ...(previous && { previous }) },
      );
    });
  }
}

/** Old lists are those of now. */
class OnlyNow extends MemoryStorage {
  override listAt(resource: string, _revision: number, namespace?: string): KubeObject[] {
    return this.list(resource, namespace);
  }
}

/** A watch that goes on does so one change too late. */
class OneLate extends MemoryStorage {
  override changesAfter(resource: string, after: number): Change[] {
    return super.changesAfter(resource, after).slice(1);
  }
}

/** A change brings a version of its own although nothing is different. */
class Restless extends MemoryStorage {
  override get(key: StorageKey): KubeObject | undefined {
    const object = super.get(key);
    if (object === undefined || key.resource !== 'configmaps') return object;
    return {
      ...object,
      metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, read: String(this.#reads++) } },
    };
  }
  #reads = 0;
}

/** The uid of an object that is made anew is that of the one before. */
class OneUid extends MemoryStorage {
  readonly #uids = new Map<string, string>();
  override commit(write: Write): KubeObject {
    if (write.type !== 'create') return super.commit(write);
    const { name } = write.key;
    const uid = this.#uids.get(name) ?? write.object.metadata.uid ?? '';
    this.#uids.set(name, uid);
    return super.commit({ ...write, object: { ...write.object, metadata: { ...write.object.metadata, uid } } });
  }
}

const FAULTS = [
  {
    what: 'changes that a watch does not tell',
    storage: Forgetful,
    check: 'informers.random',
    why: /in the list and|in the cache/,
  },
  {
    what: 'objects that leave a selector and stay in the watch',
    storage: WithoutPast,
    check: 'watch.selector',
    why: /after events MODIFIED, MODIFIED/,
  },
  { what: 'old lists that are not old', storage: OnlyNow, check: 'list.exact', why: /objects/ },
  { what: 'pages of which each is of another time', storage: OnlyNow, check: 'list.pages', why: /objects of the pages/ },
  {
    what: 'a change that is lost where a watch goes on',
    storage: OneLate,
    check: 'watch.resume',
    why: /after events MODIFIED, MODIFIED/,
  },
  { what: 'versions for writes that change nothing', storage: Restless, check: 'update.versions', why: /no-op|Conflict|409/ },
  { what: 'uids that come again', storage: OneUid, check: 'watch.recreate', why: /uid/ },
];

describe('the conformance kit finds', { timeout: 240_000 }, () => {
  for (const { what, storage, check, why } of FAULTS) {
    it(what, async (t) => {
      const server = await startEmbeddedApiServer({ storage: new storage({ startRevision: 1_000 }) });
      t.after(() => server.close());
      const { results } = await runChecks({
        access: { server: server.url, token: server.adminToken, ca: server.caPem },
        ...{ namespace: 'default', seed: randomInt(0x1_0000_0000), seconds: 2, catchUpMs: 2_000, eventTimeoutMs: 2_000 },
        only: [check],
      });
      const [result] = results;
      assert.equal(result?.outcome, 'failed');
      assert.match(whyOf(result), why);
    });
  }
});

function whyOf(result: Result | undefined): string {
  return result?.outcome === 'failed' ? result.why : '';
}
