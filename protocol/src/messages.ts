import type { EncodedBody } from './body.ts';
import type { DeviceState } from './device-state.ts';
import type { ObjectKey } from './objectkey.ts';
import type { ClusterKeys } from './trust/cluster-keys.ts';
import type { Version } from './version.ts';

/**
 * The messages of the link as both sides work with them. `codec.ts` turns them into frames and back, and checks every
 * field on the way in: a value of one of these types is right.
 */

/** Newest first. A side that finds no common version says so in its goodbye. */
export const PROTOCOL_VERSIONS: readonly number[] = [1];

/**
 * Optional behaviour, agreed on by name in Hello and Welcome.
 * - delta: the agent takes bodies as differences to what it holds
 * - clusterKeys: the agent wants to be told by which keys the cluster's ServiceAccount tokens are verified
 * - deviceState: the agent says how it is when it is asked
 */
export type Feature = 'delta' | 'clusterKeys' | 'deviceState';

// ---- agent to relay ----

export type AgentMessage =
  | Hello
  | Inventory
  | Ack
  | Check
  | ReportMessage
  | KubeletMessage
  | QueryMessage
  | CancelQuery
  | Renew
  | DeviceStateMessage;

/** First on a link. The node's name is not in it: it comes from the client certificate. */
export interface Hello {
  readonly type: 'hello';
  readonly protocolVersions: readonly number[];
  readonly features: readonly string[];
  /** Static compression dictionaries that the agent holds, each by 16 hex digits of its SHA-256. */
  readonly dictionaries: readonly string[];
  readonly agentVersion: string;
  /** 32 hex digits, random, made with the store. */
  readonly storeId: string;
  /** The kube-system namespace's uid of the cluster that the store belongs to; undefined in a new store. */
  readonly clusterUid: string | undefined;
  /** 32 hex digits, see Digest. */
  readonly digest: string;
  readonly objects: number;
  /** The epoch of the cluster in which those versions were read; undefined in a new store. */
  readonly epoch: number | undefined;
  /**
   * Which authorities relays are verified with: 16 hex digits of `authoritiesDigest`. Undefined where they were given as files by an
   * operator: those are not the relay's to change.
   */
  readonly authorities: string | undefined;
  /** Which of the cluster's keys the agent has: 16 hex digits of `clusterKeysDigest`. Undefined where it has or wants none. */
  readonly clusterKeys: string | undefined;
}

/** The answer to an inventory request, in as many frames as it takes. */
export interface Inventory {
  readonly type: 'inventory';
  readonly entries: readonly InventoryEntry[];
  readonly last: boolean;
}

export interface InventoryEntry {
  /** Names the object from here on, for the life of the session. */
  readonly number: number;
  readonly key: ObjectKey;
  readonly version: Version;
  /** The agent refused this version and holds no body of it. */
  readonly refused: boolean;
}

/** The batch is durable, and the set has this digest now. */
export interface Ack {
  readonly type: 'ack';
  readonly number: number;
  readonly digest: string;
  readonly nacks: readonly Nack[];
}

/** Unasked: the agent has read its rows anew, and they are not what its last digest said. */
export interface Check {
  readonly type: 'check';
  /** The last batch that was acknowledged in this session; 0 before the first. */
  readonly number: number;
  readonly digest: string;
}

export type NackReason = 'hashMismatch' | 'baseUnknown' | 'tooLarge' | 'malformed' | 'unsupported' | 'store';

export interface Nack {
  readonly object: number;
  readonly reason: NackReason;
  readonly detail: string;
}

export interface ReportMessage {
  readonly type: 'report';
  readonly report: Report;
}

/** One entry of the outbox: a write that was made on the device, typed by resource and operation. */
export interface Report {
  /** Rises with each entry of one store and is never used twice. */
  readonly number: number;
  readonly resource: string;
  readonly namespace: string;
  /** Empty for a create with generateName. */
  readonly name: string;
  /** The cloud's uid, as a precondition; undefined for what is born on the device. */
  readonly uid: string | undefined;
  /** "", "status", "eviction", … */
  readonly subresource: string;
  readonly operation: ReportOperation;
}

/** Bodies are JSON text of at most MAX_BODY_BYTES. */
export type ReportOperation =
  | { readonly type: 'create'; readonly body: string }
  | { readonly type: 'update'; readonly body: string }
  | { readonly type: 'patch'; readonly patchType: 'strategic' | 'merge' | 'json'; readonly body: string }
  | { readonly type: 'remove'; readonly gracePeriodSeconds: number | undefined };

/**
 * After each welcome, and whenever it changes: whether the kubelet beside the agent keeps renewing its Lease there. While it does and
 * the session lives, the relay renews the Lease in the cluster; before the first of these messages it does not.
 */
export interface KubeletMessage {
  readonly type: 'kubelet';
  readonly alive: boolean;
}

export interface QueryMessage {
  readonly type: 'query';
  readonly query: Query;
}

/** A question that the cloud answers. Any number run side by side. */
export interface Query {
  /** Rises with each query of a session and is not used twice in it; from 1 on. */
  readonly id: number;
  /** From the moment it is read, 1 to MAX_QUERY_MS: after it nobody waits for the answer. */
  readonly deadlineMs: number;
  readonly question: Question;
}

/** What may be asked, and how it is answered, stands in `QUERY_TABLE`. */
export type Question =
  /** The object as it is now. `namespace` is empty for what has none. */
  | { readonly type: 'get'; readonly resource: string; readonly namespace: string; readonly name: string }
  /** What is made by asking, such as `token` of a ServiceAccount. Without subresource and name: an object of that resource. */
  | {
      readonly type: 'submit';
      readonly resource: string;
      readonly namespace: string;
      readonly name: string;
      readonly subresource: string;
      /** JSON text of at most MAX_BODY_BYTES. */
      readonly body: string;
    };

/** Nobody waits for that answer any more; it may come all the same. */
export interface CancelQuery {
  readonly type: 'cancelQuery';
  readonly id: number;
}

/** The certificate of this link has lived for most of its time: here is the key of the next one. One at a time on a link. */
export interface Renew {
  readonly type: 'renew';
  /** SubjectPublicKeyInfo in DER, at most MAX_PUBLIC_KEY_BYTES; a P-256 key has 91 bytes. */
  readonly publicKey: Uint8Array;
  /** By the new key, over `renewalProof(certificate of this link)`. */
  readonly proof: Uint8Array;
}

/** The answer to a DeviceQuestion. */
export interface DeviceStateMessage {
  readonly type: 'deviceState';
  readonly state: DeviceState;
}

// ---- relay to agent ----

export type RelayMessage =
  | Welcome
  | StatusMessage
  | InventoryRequest
  | Batch
  | ReportAnswer
  | QueryAnswerMessage
  | Renewed
  | Authorities
  | ClusterKeysMessage
  | DeviceQuestion
  | Goodbye;

export interface Welcome {
  readonly type: 'welcome';
  readonly protocolVersion: number;
  readonly features: readonly string[];
  readonly dictionaries: readonly string[];
  readonly relayVersion: string;
  readonly clusterUid: string;
  /** From 1 on; rises when the API server was restored from a backup. What was read in an older one is compared by hash only. */
  readonly epoch: number;
  readonly nodeName: string;
  readonly status: SessionStatus;
}

/**
 * What a session is doing, the same words on both sides.
 * - relaySyncing: the relay's own caches are not complete yet
 * - nodeMissing: no Node of this name; registration works, nothing is sent, nothing is deleted
 * - nodeNotLabelled: the Node lacks `node-role.kubernetes.io/edge`; as nodeMissing
 * - syncing: differences are being sent
 * - inSync: desired and known set are equal
 */
export type SessionState = 'relaySyncing' | 'nodeMissing' | 'nodeNotLabelled' | 'syncing' | 'inSync';

export interface SessionStatus {
  readonly state: SessionState;
  readonly detail: string;
}

export interface StatusMessage {
  readonly type: 'status';
  readonly status: SessionStatus;
}

/** Send everything that you hold, as key and version. Batches that follow are differences to that answer. */
export interface InventoryRequest {
  readonly type: 'inventoryRequest';
}

/** Applied in one SQLite transaction, in this order. */
export interface Batch {
  readonly type: 'batch';
  /** Counts from 1 in each session, without a gap. */
  readonly number: number;
  readonly operations: readonly Operation[];
  /**
   * With this batch everything desired at the time of the handshake has been sent; deletes come with it or after it. Before it an
   * agent does not let most of its set be deleted.
   */
  readonly complete: boolean;
}

/** `key` is given when the number is used for the first time in a session and undefined after. */
export interface Operation {
  readonly object: number;
  readonly key: ObjectKey | undefined;
  readonly change: OperationChange;
}

export type OperationChange =
  | { readonly type: 'upsert'; readonly version: Version; readonly body: EncodedBody }
  /** Zstandard with the body of `baseHash` as dictionary; `hash` is that of the result. Sent only to agents with the feature `delta`. */
  | {
      readonly type: 'upsertDelta';
      readonly resourceVersion: string;
      readonly baseHash: string;
      readonly hash: string;
      readonly bytes: Uint8Array;
      readonly size: number;
    }
  | { readonly type: 'touch'; readonly resourceVersion: string }
  | { readonly type: 'delete'; readonly uid: string };

export interface ReportAnswer {
  readonly type: 'reportAnswer';
  readonly number: number;
  readonly outcome: ReportOutcome;
}

export type ReportOutcome =
  /** resourceVersion is that of the object after the write; undefined when the write removed it. */
  | { readonly type: 'applied'; readonly uid: string; readonly resourceVersion: string | undefined; readonly name: string }
  /** For good: the entry ends. `code` and `reason` are those of a Kubernetes Status. */
  | { readonly type: 'refused'; readonly code: number; readonly reason: string; readonly message: string }
  /** Not now: the entry stays. */
  | { readonly type: 'unavailable'; readonly retryAfterMs: number; readonly message: string };

export interface QueryAnswerMessage {
  readonly type: 'queryAnswer';
  readonly id: number;
  readonly answer: QueryAnswer;
}

/** `code`, `reason` and `message` are those of a Kubernetes Status. */
export interface StatusText {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
}

export type QueryAnswer =
  /** `cached`: from the relay's cache, which a watch keeps current; else read from the API server for this question. */
  | { readonly type: 'found'; readonly cached: boolean; readonly body: EncodedBody }
  /** Said by the API server: there is no such object. */
  | ({ readonly type: 'notFound' } & StatusText)
  /** Said by the API server, or by the rule of the query table: this node may not. It says nothing about whether the object is there. */
  | ({ readonly type: 'forbidden' } & StatusText)
  /** Any other answer that is for good: a body that is not valid, a conflict. */
  | ({ readonly type: 'refused' } & StatusText)
  /** No answer now. */
  | { readonly type: 'unavailable'; readonly retryAfterMs: number; readonly message: string };

export interface Renewed {
  readonly type: 'renewed';
  readonly outcome: RenewalOutcome;
}

export type RenewalOutcome =
  /** The device's certificate first, then those between it and the authority, in DER. */
  | { readonly type: 'issued'; readonly certificates: readonly Uint8Array[] }
  /** For good. */
  | ({ readonly type: 'refused' } & StatusText)
  /** Not now: the certificate of the link still serves. */
  | { readonly type: 'unavailable'; readonly retryAfterMs: number; readonly message: string };

/**
 * All authorities that relays are verified with from now on, in DER; at least one. Sent after a welcome when they are not those that
 * the hello named, and when they change.
 */
export interface Authorities {
  readonly type: 'authorities';
  readonly certificates: readonly Uint8Array[];
}

/** To who wants them by the feature `clusterKeys`: unless they are those of its hello, and when they change. */
export interface ClusterKeysMessage {
  readonly type: 'clusterKeys';
  readonly keys: ClusterKeys;
}

/** A person asks how the device is. Only to agents with the feature `deviceState`; one at a time. */
export interface DeviceQuestion {
  readonly type: 'deviceQuestion';
  /** Rises with each question of a session; from 1 on. */
  readonly id: number;
}

/**
 * - newEpoch: the API server was restored from a backup, and the handshake has to be made again
 * - revoked: the device was revoked, or another key holds its name: it does not dial for long, and its operator is told
 * - overBound: the agent went over a bound, which the detail names
 */
export type GoodbyeReason =
  | 'replaced'
  | 'shuttingDown'
  | 'protocolError'
  | 'wrongCluster'
  | 'overloaded'
  | 'newEpoch'
  | 'revoked'
  | 'overBound';

export interface Goodbye {
  readonly type: 'goodbye';
  readonly reason: GoodbyeReason;
  readonly detail: string;
  readonly retryAfterMs: number;
}
