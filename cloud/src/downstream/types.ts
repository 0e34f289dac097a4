import type { Ack, Check, Hello, Inventory, NackReason, ObjectKey, RelayMessage, SessionStatus, Version } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Change, Observed, ReflectorStatus } from '../merge/change.ts';
import type { DownstreamLimits } from './limits.ts';
import type { SessionReport } from './session-report.ts';

export interface DownstreamOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  /**
   * An object that an edge node needs came by when none needed it, and its body was let go. Called once per key until
   * `provideBody` answers; the callee limits how many it fetches at a time, tries again what fails, and answers in a later
   * turn, never within the call. A GET without resourceVersion is never older than `atLeast`.
   */
  readonly requestBody: (key: ObjectKey, atLeast: { readonly uid: string; readonly resourceVersion: string }) => void;
  /** An agent could not take an object. Called once per refused version and session; it stays out until it changes. */
  readonly onRefused?: (refusal: RefusedObject) => void;
  /**
   * An agent has held something newer than this relay has seen for 30 s, and again after each further 30 s: why? `ahead` has the
   * highest such version of each resource.
   */
  readonly onBehind?: (node: string, ahead: ReadonlyMap<string, string>) => void;
  /**
   * What this relay has listed would take most of what a device holds away: the resource is to be listed once more, then `listedAgain`
   * to be called. Called at most once for each resource. Default: one list is believed.
   */
  readonly listAgain?: (resource: string) => void;
  /** The epoch of the cluster in which what is applied is read. Default: always the first. */
  readonly epoch?: () => number;
  /** A batch was acknowledged, whose oldest change took so long from when the relay knew of it, in ms. */
  readonly onDelivered?: (milliseconds: number) => void;
  /** Default DEFAULT_DOWNSTREAM_LIMITS. */
  readonly limits?: Partial<DownstreamLimits>;
}

export interface RefusedObject {
  readonly node: string;
  readonly key: ObjectKey;
  readonly version: Version;
  readonly reason: NackReason;
  readonly detail: string;
}

/** What the relay knows, which node needs what of it, and one session per linked node. No I/O; everything is synchronous. */
export interface Downstream {
  /** One change of the cluster, from merge. Never throws for a bad object: it is counted and logged, and what was known stays. */
  apply(change: Change): void;
  /**
   * The reflectors' statuses, all of them; one that is not listed counts as listing. To be called whenever a state changes
   * and whenever a resourceVersion advances (rule 2), after the changes up to that resourceVersion were applied. Cheap.
   */
  setSynced(statuses: readonly ReflectorStatus[]): void;
  /**
   * A new epoch has begun: what is known so far was read in the one before. Whatever is applied from here on takes its place, also
   * with the same resourceVersion, and bodies that are under way are asked for again. Sessions are to be opened anew.
   */
  beginEpoch(): void;
  /** Answers `listAgain`, after the changes that the list led to were applied. */
  listedAgain(resource: string): void;
  /** Why nothing may be sent or concluded now, whatever the reflectors' statuses say; undefined: nothing is in the way. */
  hold(why: string | undefined): void;
  /** Answers `requestBody`. What is no longer needed, or older than what is known, is let go (the latter is asked for again). */
  provideBody(answer: Observed | { readonly notFound: ObjectKey }): void;
  /**
   * A session for a link of that node. An older session of the same node becomes inert: the newest wins.
   * `wake` says that `pump` may have something to send: not before the first `pump`, at most once until the next, and never
   * during a `pump`. It must not call `pump` itself but schedule it.
   */
  open(node: string, wake: () => void): Session;
  /** Whether a change of that object should come with its text: it is located by it, or an edge node needs it now. */
  wantsText(key: ObjectKey): boolean;
  node(name: string): NodeState;
  /** What is known of an object for that node, which may be told only of what it needs. */
  read(node: string, key: ObjectKey): ReadForNode;
  /** Canonical bodies, as far as they are here, of what that node needs of those resources. Costs as much as the node needs. */
  bodiesFor(node: string, resources: ReadonlySet<string>): Iterable<string>;
  /** Why nothing may be concluded from what is not there (rule 1); undefined when all is synced. */
  notSynced(): string | undefined;
  /** The canonical body of an object; undefined where no edge node needs it, or it has not come yet. */
  body(key: ObjectKey): { readonly version: Version; readonly text: string } | undefined;
  /** Pods that are bound to an edge node; none of any other node. */
  podsOf(node: string): Iterable<ObjectKey>;
  /** Edge nodes that need the object. */
  neededBy(key: ObjectKey): Iterable<string>;
  hasSession(node: string): boolean;
  /** Calls `listener` after each change of a node's state. Returns the end of the subscription. */
  onNodeState(listener: (name: string, state: NodeState) => void): () => void;
  stats(): DownstreamStats;
  /** Calls off timers. Sessions become inert. */
  close(): void;
}

/**
 * - found: the canonical body and its version
 * - absent: the node would need it, and there is none
 * - outside: the node does not need it; whether it is there is not said
 * - unavailable: not known now
 */
export type ReadForNode =
  | { readonly state: 'found'; readonly text: string; readonly version: Version }
  | { readonly state: 'absent' }
  | { readonly state: 'outside' }
  | { readonly state: 'unavailable'; readonly detail: string };

export interface NodeState {
  readonly exists: boolean;
  /** Undefined when the Node does not exist. */
  readonly uid: string | undefined;
  /** Carries the label `node-role.kubernetes.io/edge`, with any value. */
  readonly labelled: boolean;
  /** Status of its condition `hawser.dev/Linked`; undefined without it. */
  readonly linked: string | undefined;
  /** Its annotation `hawser.dev/agent-version`. */
  readonly agentVersion: string | undefined;
}

/**
 * The relay's side of one link, without the link. Order of calls: `hello` once, then `receive` and `pump` as messages come
 * and wakes happen. After `close`, or when replaced, `receive` does nothing and `pump` returns nothing.
 */
export interface Session {
  readonly node: string;
  /** Returns the status for the Welcome, which is to be sent before what `pump` returns. @throws HawserError `protocol` the second time */
  hello(hello: Hello): SessionStatus;
  /** @throws HawserError `protocol`: the link must be closed, the session with it */
  receive(message: Inventory | Ack | Check): void;
  /**
   * What may be sent now, in order: a status that has changed, an inventory request, batches as far as the window goes.
   * To be called after `hello` and after each wake. Everything returned counts as sent.
   */
  pump(): RelayMessage[];
  /**
   * What the agent has not answered for so long that the link should be closed; undefined while all is well. The session has
   * woken when this has come to be.
   */
  stalled(): string | undefined;
  status(): SessionStatus;
  stats(): SessionStats;
  /** For a person who asks about this node, with at most so many objects that differ. Costs as much as the node has objects. */
  report(most: number): SessionReport;
  close(): void;
}

/** Gauges as of now, counters since the session began. */
export interface SessionStats {
  /** Keys that the node needs, whether or not the objects exist. */
  readonly needed: number;
  /** Entries of the known set, refused ones included. */
  readonly known: number;
  readonly refused: number;
  /** Keys that have still to be looked at or sent, those under way not counted. */
  readonly dirty: number;
  /** Keys that wait for a body, for another object, or for the relay to catch up with the agent. */
  readonly waiting: number;
  /** Objects of which the agent holds something newer than the relay. */
  readonly ahead: number;
  readonly inflightBatches: number;
  readonly inflightBytes: number;
  /**
   * How long the oldest difference between desired and held has been there without an ack, in ms; 0 without one, and while
   * nothing may be sent. At the start of a session everything counts as different until the agent has said what it holds.
   */
  readonly lagMs: number;
  readonly batches: number;
  /** Whole objects. */
  readonly upserts: number;
  readonly deltas: number;
  readonly touches: number;
  readonly deletes: number;
  /** Bytes of bodies as they travelled: all, and by encoding. */
  readonly bodyBytes: number;
  readonly deltaBytes: number;
  readonly staticBytes: number;
  readonly zstdBytes: number;
  readonly identityBytes: number;
  /** Deltas that the agent could not apply, after which the object goes whole. */
  readonly deltaRetries: number;
  readonly nacks: number;
  readonly inventories: number;
  /** 1 when the agent came back with what the session before it had left, and was asked for no inventory. */
  readonly recalled: number;
  /** Told by an ack or a check. */
  readonly digestMismatches: number;
  /** Those of them that a check told. */
  readonly checkMismatches: number;
}

export interface DownstreamStats {
  /** Objects known, by resource. */
  readonly objects: Readonly<Record<string, number>>;
  readonly bodies: number;
  /** Characters of canonical JSON that are kept. */
  readonly bodyCharacters: number;
  /** Bodies that were asked for and have not come. */
  readonly missingBodies: number;
  /** Bytes of encoded bodies that are kept to be sent again. */
  readonly encodedBytes: number;
  /** Since the start: encodings of bodies that were made. */
  readonly encodings: number;
  /** Bytes of superseded bodies that are kept as bases of deltas. */
  readonly supersededBytes: number;
  /** Entries of the sets that are remembered of ended sessions. */
  readonly rememberedEntries: number;
  readonly edgeNodes: number;
  readonly sessions: number;
  /** Since the start: objects that could not be read, and changes that were no news. */
  readonly malformed: number;
  readonly ignored: number;
}
