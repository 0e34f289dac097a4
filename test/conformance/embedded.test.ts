import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { MemoryStorage } from '../apiserver/memory-storage.ts';
import { type EmbeddedApiServer, startEmbeddedApiServer } from '../apiserver/server.ts';
import { Random } from '../model/random.ts';
import { assertClean } from './assert-clean.ts';
import { runChecks } from './run.ts';

/** What does not fit the embedded API server, and why, in the beginning of the words that the kit says. */
const NOT_APPLICABLE: Readonly<Record<string, string>> = {
  'apply.serverSide': 'server-side apply is not offered: 415',
  'pods.grace': 'gated pods are bound to no node',
};

/** For the random writes; the rest of the kit takes some 20 s, most of them waits for timeouts. */
const SECONDS = 4;
const DISTURB_EVERY_MS = 150;

describe('the conformance kit against the embedded API server', { timeout: 300_000, concurrency: true }, () => {
  let server: EmbeddedApiServer;
  const seed = randomInt(0x1_0000_0000);

  before(async () => {
    // A log so short that what is asked of long ago is forgotten.
    server = await startEmbeddedApiServer({ storage: new MemoryStorage({ startRevision: 1_000, changeLogLimit: 2_000 }) });
  });
  after(() => server.close());

  const access = () => ({ server: server.url, token: server.adminToken, ca: server.caPem });

  it('finds nothing wrong, and says of what does not fit why', async () => {
    const run = await runChecks({ access: access(), namespace: 'default', seed, seconds: SECONDS });
    assert.deepEqual(run.wrote, ['ConfigMaps', 'gated pods']);
    assertClean(run, NOT_APPLICABLE);
    assert.deepEqual(leftOvers(server), []);
  });

  it('has informers that survive cut watches, compactions and refusals of the server', async (t) => {
    const disturbed = await startEmbeddedApiServer();
    t.after(() => disturbed.close());
    const random = new Random(seed);
    const timer = setInterval(() => disturb(disturbed, random), DISTURB_EVERY_MS);
    t.after(() => clearInterval(timer));
    const only = ['informers.'];
    const run = await runChecks({
      ...{ namespace: 'default', seed, seconds: SECONDS, only },
      access: { server: disturbed.url, token: disturbed.adminToken, ca: disturbed.caPem },
    });
    assertClean(run, {});
    const [first] = run.results;
    const told = first?.outcome === 'passed' ? (first.note ?? '') : '';
    for (const happened of ['expiredWatches', 'cuts', 'refusals']) {
      assert.match(told, new RegExp(`${happened} [1-9]`), `the seed ${seed} has brought no ${happened} about: ${told}`);
    }
  });

  it('writes nothing when it is told so, and checks what can be read', async (t) => {
    const unwritten = await startEmbeddedApiServer();
    t.after(() => unwritten.close());
    const before = unwritten.storage.revision();
    const run = await runChecks({
      ...{ namespace: 'default', seed, seconds: 1, only: ['discovery.', 'list.', 'selectors.', 'create.'], readOnly: true },
      access: { server: unwritten.url, token: unwritten.adminToken, ca: unwritten.caPem },
    });
    assert.deepEqual(run.wrote, []);
    const outcomes = new Map(run.results.map((result) => [result.name, result.outcome]));
    assert.deepEqual(
      run.results.filter(({ outcome }) => outcome === 'failed'),
      [],
    );
    assert.deepEqual([outcomes.get('list.refusals'), outcomes.get('create.metadata')], ['passed', 'notApplicable']);
    assert.equal(unwritten.storage.revision(), before);
  });

  it('removes what it has made when it is stopped in the middle', async (t) => {
    const stopped = await startEmbeddedApiServer();
    t.after(() => stopped.close());
    const stopping = new AbortController();
    const unsubscribe = stopped.storage.subscribe('configmaps', ({ type, key }) => {
      if (type === 'ADDED' && key.name.includes('-random-')) stopping.abort();
    });
    t.after(unsubscribe);
    const run = await runChecks({
      ...{ namespace: 'default', seed, seconds: 60, only: ['informers.random'], signal: stopping.signal },
      access: { server: stopped.url, token: stopped.adminToken, ca: stopped.caPem },
    });
    assert.equal(run.stopped, true);
    assert.deepEqual(run.left, []);
    assert.deepEqual(leftOvers(stopped), []);
  });
});

/** One of what happens to a server and to those who watch it. */
function disturb(server: EmbeddedApiServer, random: Random): void {
  const { faults } = server;
  switch (random.integer(5)) {
    case 0:
      faults.cutWatches();
      return;
    case 1:
      faults.compact();
      faults.cutWatches();
      return;
    case 2:
      faults.add({ fault: { type: 'expired' }, watch: true });
      faults.cutWatches();
      return;
    case 3:
      faults.add({ fault: { type: 'answer', status: 503 }, watch: true, times: 2 });
      faults.cutWatches();
      return;
    default:
      faults.add({ fault: { type: 'answer', status: 429, retryAfterSeconds: 1 }, watch: true });
      faults.cutWatches();
  }
}

function leftOvers({ storage }: EmbeddedApiServer): string[] {
  return ['configmaps', 'pods'].flatMap((resource) =>
    storage.list(resource).flatMap(({ metadata: { name = '' } }) => (name.startsWith('hawser-conformance') ? name : [])),
  );
}
