import type * as Helpers from '../testing.ts';
import type { EdgeStore, KeptAnswer, KeptToken, TokenKey } from '../types.ts';

/** The key that a fixture's Secrets, tokens and answers are sealed with, where its agent sealed them. */
export const FIXTURE_KEY = Buffer.from('8f3b1d5c7a90e2446bd1f03825ce97ba4410d6e87b2c5f9931ae60c4728d15fb', 'hex');

/** The story uses only what the test helpers of every revision have, so that each revision's own code can write it. */
export type StoryHelpers = Pick<
  typeof Helpers,
  'CLUSTER' | 'applied' | 'create' | 'refused' | 'remove' | 'storageKey' | 'testObject' | 'upsert' | 'writeStatus'
>;

/** What the first schemas had; what came later is told where it is there. */
export type StoryStore = Omit<EdgeStore, 'tokens' | 'answers' | 'enterEpoch'> &
  Partial<Pick<EdgeStore, 'tokens' | 'answers' | 'enterEpoch'>>;

/** An object of the story: resource, name, namespace. */
export const WEB = ['pods', 'web'] as const;
export const ANSWERED = ['pods', 'answered'] as const;
export const LEAVING = ['pods', 'leaving'] as const;
export const NODE = ['nodes', 'edge-1', ''] as const;
export const SETTINGS = ['configmaps', 'settings'] as const;
export const LOGIN = ['secrets', 'login'] as const;
export const ODD = ['configmaps', 'odd'] as const;
export const MADE_SECRET = ['secrets', 'made'] as const;
export const EVENT = ['events', 'web.started'] as const;
export const LEASE = ['coordination.k8s.io/leases', 'edge-1', 'kube-node-lease'] as const;
export const ASKED = ['persistentvolumes', 'disk', ''] as const;

export const TOKEN_KEY: TokenKey = {
  namespace: 'default',
  podName: 'web',
  podUid: 'uid-web',
  serviceAccount: 'default',
  audiences: [],
  expirationSeconds: 3607,
};
export const TOKEN: KeptToken = {
  body: JSON.stringify({ kind: 'TokenRequest', status: { token: 'of the story' } }),
  issuedAt: 1_000,
  keptAt: 1_500,
  expiresAt: 3_608_000,
  validUntil: 3_608_000,
};
export const ANSWER: KeptAnswer = {
  type: 'found',
  readAt: 1_000,
  from: 'live',
  body: JSON.stringify({ kind: 'PersistentVolume' }),
};

/** The version from which on the answered write is in what the cloud sends. */
export const ANSWERED_VERSION = '40';

/** A device's life in few rows: each table has some, and each state of an object and of a write is among them. */
export function tellStory(store: StoryStore, helpers: StoryHelpers): void {
  const { CLUSTER, applied, create, refused, remove, storageKey, testObject, upsert, writeStatus } = helpers;
  const key = ([resource, name, namespace]: readonly [string, string, string?]) => storageKey(resource, name, namespace);
  const sent = (named: readonly [string, string, string?], version: string, fields = {}) =>
    upsert(key(named), version, testObject(key(named), `uid-${named[1]}`, fields));
  // Today's helpers take today's store; those of another revision get one of theirs.
  const own = store as EdgeStore;

  store.bindCluster(CLUSTER);
  const { nacks } = store.applyBatch(
    CLUSTER,
    [
      sent(NODE, '10', { metadata: { labels: { 'node-role.kubernetes.io/edge': '' } } }),
      sent(WEB, '11', { spec: { nodeName: 'edge-1' }, status: { phase: 'Pending' } }),
      sent(ANSWERED, '12', { spec: { nodeName: 'edge-1' }, status: { phase: 'Pending' } }),
      sent(LEAVING, '13', { spec: { nodeName: 'edge-1' } }),
      sent(SETTINGS, '14', { data: { größe: 'zehn\u2028' } }),
      sent(LOGIN, '15', { kind: 'Secret', data: { password: 'c3Rvcnk=' } }),
      // Named otherwise than its key says.
      upsert(key(ODD), '16', testObject(storageKey('configmaps', 'even'), 'uid-odd')),
    ],
    { 'sync.lastSync': '2026-03-01T12:00:00.000Z' },
  );
  if (nacks.length !== 1) throw new Error(`${nacks.length} of the story's objects were refused`);
  store.enterEpoch?.(3);
  store.setFact('story', 'told');

  // Said, and applied by the cloud, which has not sent the object since.
  writeStatus(own, key(ANSWERED), { phase: 'Running' });
  answerAll(store, () => applied('uid-answered', ANSWERED_VERSION));
  writeStatus(own, key(NODE), { phase: 'nonsense' });
  answerAll(store, () => refused(422, 'Invalid'));

  writeStatus(own, key(WEB), { phase: 'Running', podIP: '10.1.0.1' });
  create(own, key(EVENT), 'uid-event', { reason: 'Started' });
  create(own, key(MADE_SECRET), 'uid-made', { kind: 'Secret', data: { made: 'aGVyZQ==' } });
  create(own, key(LEASE), 'uid-lease', { apiVersion: 'coordination.k8s.io/v1', spec: { holderIdentity: 'edge-1' } });
  remove(own, key(LEAVING), 30);

  store.tokens?.put(TOKEN_KEY, TOKEN);
  store.answers?.put(key(ASKED), ANSWER);
}

function answerAll(store: StoryStore, outcome: () => Parameters<EdgeStore['outbox']['answer']>[1]): void {
  for (const { number } of store.outbox.pending(10)) store.outbox.answer(number, outcome());
}
