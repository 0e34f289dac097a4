import type { AgentMessage, GoodbyeReason, Hello, OperationChange, RelayMessage, SessionState } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../api/clock.ts';
import type { EdgeStore } from '../store/types.ts';

/** What a session needs of the store. */
export type SyncStore = Pick<
  EdgeStore,
  | 'identity'
  | 'bindCluster'
  | 'fact'
  | 'outdateAnswers'
  | 'enterEpoch'
  | 'digest'
  | 'objectCount'
  | 'inventory'
  | 'applyBatch'
  | 'setFact'
  | 'setFacts'
>;

export interface SyncOptions {
  readonly store: SyncStore;
  readonly agentVersion: string;
  /** Which authorities relays are verified with, for the hello: see `Hello`. Default: they are not the relay's to change. */
  readonly authorities?: () => string | undefined;
  /** Which of the cluster's keys the device has, for the hello: see `Hello`. Default: it wants none. */
  readonly clusterKeys?: { digest(): string | undefined };
  /** Whether DeviceQuestions are answered. Default: no. */
  readonly tellsState?: boolean;
  readonly logger: Logger;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * The agent's side of a session, without the link: messages in, messages out. Between `hello` and `disconnected` it is
 * given every message of one link, in order.
 */
export interface Sync {
  /** Begins a session. The Hello is the first thing to be sent on the new link. */
  hello(): Hello;
  /**
   * Returns what is to be sent, in order. What it acknowledges is on disk. Answers to reports are the outbox's: they return
   * nothing here.
   * @throws HawserError `protocol` or `wrong_cluster`: the link must be closed, nothing of that message was applied; `too_large` where the
   * disk has no room for it: the same message may be given again, and others of the link's order only after it
   */
  receive(message: RelayMessage): AgentMessage[];
  /** To be called when the store has mended something: what is to be sent, if its digest is another than the relay was told. */
  check(): AgentMessage | undefined;
  /** The link is gone. May be called in any state. */
  disconnected(): void;
  state(): SyncState;
  /** Calls `listener` after each change of state. Returns the end of the subscription. */
  onState(listener: (state: SyncState) => void): () => void;
  stats(): SyncStats;
}

/**
 * | state | meaning | left by |
 * |---|---|---|
 * | disconnected | no link; `goodbye` says why the relay ended the last one, if it did | hello → greeting |
 * | greeting | Hello is sent | welcome → waiting, syncing or inSync |
 * | waiting | the relay may not send yet: its caches, our Node or its label are missing | status |
 * | syncing | differences come in | status |
 * | inSync | the relay says that nothing is missing | status |
 * | ended | the relay has said goodbye; the link is about to close | disconnected |
 */
export type SyncState =
  | { readonly name: 'disconnected'; readonly goodbye: SyncGoodbye | undefined }
  | { readonly name: 'greeting' }
  | { readonly name: 'waiting'; readonly relay: Exclude<SessionState, 'syncing' | 'inSync'>; readonly detail: string }
  | { readonly name: 'syncing'; readonly detail: string }
  | { readonly name: 'inSync'; readonly detail: string }
  | { readonly name: 'ended'; readonly goodbye: SyncGoodbye };

export interface SyncGoodbye {
  readonly reason: GoodbyeReason;
  readonly detail: string;
  readonly retryAfterMs: number;
}

/** Since the process began. */
export interface SyncStats {
  readonly batches: number;
  readonly operations: number;
  readonly nacks: number;
  readonly inventories: number;
  readonly checks: number;
  /** Of the operations, by type; refused ones included. */
  readonly byType: Readonly<Record<OperationChange['type'], number>>;
}

/** Names of the facts that a session leaves in the store. Times are RFC 3339 with milliseconds. */
export const SYNC_FACTS = {
  /** The state's name, with the relay's own word for it where it has one: `waiting: nodeMissing`. */
  session: 'sync.session',
  /** When the state was entered. */
  since: 'sync.since',
  /** When the store last held all that the cloud wanted. */
  lastSync: 'sync.last',
  relayVersion: 'sync.relayVersion',
  nodeName: 'sync.nodeName',
} as const;
