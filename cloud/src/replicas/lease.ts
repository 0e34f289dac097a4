import { isJsonObject, isResourceVersion, type JsonObject, type JsonValue } from '@hawser/protocol';
import { jsonObjectIn } from '../json-object.ts';
import { nodeLeaseName, replicaLeaseName } from './names.ts';

/** Marks the Leases of relays; its value says which of the two kinds one is. */
export const LEASE_LABEL = 'hawser.dev/lease';

/** A Lease of the relays as it stands in the API server. */
export type Lease = NodeLease | ReplicaLease;

interface Stored {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

export type NodeLease = Stored & NodeFields;
export type ReplicaLease = Stored & ReplicaFields;

/**
 * - up: the holder has a live session with the node
 * - down: the session has ended, and the holder knows of no newer one
 * - unknown: the holder has gone without a word
 */
export type LinkState = 'up' | 'down' | 'unknown';

/** Which session a node has, and at which replica. */
export interface NodeFields {
  readonly type: 'node';
  readonly node: string;
  /** The replica. */
  readonly holder: string;
  /** Counts the sessions of the node: leaseTransitions. */
  readonly epoch: number;
  /** Random, of the one session: tells it from another one of the same replica or of a replica with the same name. Empty: none. */
  readonly sessionId: string;
  /** The session before it. A replica whose write was answered by nobody learns from it that the write took place, and is over. */
  readonly previousSessionId: string;
  readonly storeId: string;
  readonly agentVersion: string;
  readonly linkState: LinkState;
  /** RFC 3339: since when. */
  readonly linkStateSince: string;
  /** MicroTime: when the session was taken. */
  readonly acquireTime: string;
}

/** That a replica lives. */
export interface ReplicaFields {
  readonly type: 'replica';
  readonly replica: string;
  /** Random, of the one process: tells it from another one that was given the same name. */
  readonly process: string;
  readonly durationSeconds: number;
  /** MicroTime. */
  readonly acquireTime: string;
  readonly renewTime: string;
}

const ANNOTATION = {
  node: 'hawser.dev/node',
  storeId: 'hawser.dev/store-id',
  agentVersion: 'hawser.dev/agent-version',
  sessionId: 'hawser.dev/session-id',
  previousSessionId: 'hawser.dev/previous-session-id',
  linkState: 'hawser.dev/link-state',
  linkStateSince: 'hawser.dev/link-state-since',
  process: 'hawser.dev/relay-process',
} as const;

/** Longer texts in a Lease are not ours and are cut. The longest of ours is the name of a node. */
const MAX_TEXT = 253;
/** What a replica may say of its own duration; outside of it somebody has edited the Lease. */
const LEAST_SECONDS = 1;
const MOST_SECONDS = 3600;
/** leaseTransitions is an int32. After so many sessions of one node it begins anew: it is for people, order comes from the writes. */
export const MOST_EPOCH = 2_147_483_647;

/** A time as the API server wants it in a Lease: exactly six decimals. */
export function microTime(nowMs: number): string {
  return new Date(nowMs).toISOString().replace('Z', '000Z');
}

/** The Lease for the API server, as JSON. `stored` makes it a conditional update. */
export function leaseText(
  fields: NodeFields | ReplicaFields,
  name: string,
  stored?: { readonly uid: string; readonly resourceVersion: string },
): string {
  const { labels, annotations, spec } = fields.type === 'node' ? nodeParts(fields) : replicaParts(fields);
  return JSON.stringify({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name,
      ...(stored === undefined ? {} : { uid: stored.uid, resourceVersion: stored.resourceVersion }),
      labels,
      annotations,
    },
    spec,
  });
}

function nodeParts(fields: NodeFields) {
  return {
    labels: { [LEASE_LABEL]: 'session' },
    annotations: {
      [ANNOTATION.node]: fields.node,
      [ANNOTATION.storeId]: fields.storeId,
      [ANNOTATION.agentVersion]: fields.agentVersion,
      [ANNOTATION.sessionId]: fields.sessionId,
      [ANNOTATION.previousSessionId]: fields.previousSessionId,
      [ANNOTATION.linkState]: fields.linkState,
      [ANNOTATION.linkStateSince]: fields.linkStateSince,
    },
    spec: { holderIdentity: fields.holder, leaseTransitions: fields.epoch, acquireTime: fields.acquireTime },
  };
}

function replicaParts(fields: ReplicaFields) {
  return {
    labels: { [LEASE_LABEL]: 'replica' },
    annotations: { [ANNOTATION.process]: fields.process },
    spec: {
      holderIdentity: fields.replica,
      leaseDurationSeconds: fields.durationSeconds,
      acquireTime: fields.acquireTime,
      renewTime: fields.renewTime,
    },
  };
}

/**
 * The Lease that a text of the API server is, or undefined for one that is none of ours: no label, no name that belongs to its
 * content. What somebody has edited out reads as empty; nothing in it can be wrong.
 */
export function readLease(text: string): Lease | undefined {
  // A text that is no JSON is no Lease.
  const object = jsonObjectIn(text);
  const metadata = member(object, 'metadata');
  const { name, uid, resourceVersion } = metadata;
  if (typeof name !== 'string' || typeof uid !== 'string' || uid === '' || !isResourceVersion(resourceVersion)) return undefined;
  const stored = { name, uid, resourceVersion };
  const annotations = member(metadata, 'annotations');
  const spec = member(object, 'spec');
  const holder = textOf(spec.holderIdentity);
  const acquireTime = textOf(spec.acquireTime);
  switch (member(metadata, 'labels')[LEASE_LABEL]) {
    case 'session': {
      const node = textOf(annotations[ANNOTATION.node]) || name.replace(/^node-/, '');
      if (nodeLeaseName(node) !== name) return undefined;
      return {
        ...stored,
        type: 'node',
        node,
        holder,
        epoch: wholeOf(spec.leaseTransitions, 0, MOST_EPOCH) ?? 0,
        sessionId: textOf(annotations[ANNOTATION.sessionId]),
        previousSessionId: textOf(annotations[ANNOTATION.previousSessionId]),
        storeId: textOf(annotations[ANNOTATION.storeId]),
        agentVersion: textOf(annotations[ANNOTATION.agentVersion]),
        linkState: linkStateOf(annotations[ANNOTATION.linkState]),
        linkStateSince: textOf(annotations[ANNOTATION.linkStateSince]),
        acquireTime,
      };
    }
    case 'replica':
      if (holder === '' || replicaLeaseName(holder) !== name) return undefined;
      return {
        ...stored,
        type: 'replica',
        replica: holder,
        process: textOf(annotations[ANNOTATION.process]),
        durationSeconds: wholeOf(spec.leaseDurationSeconds, LEAST_SECONDS, MOST_SECONDS) ?? MOST_SECONDS,
        acquireTime,
        renewTime: textOf(spec.renewTime),
      };
    default:
      return undefined;
  }
}

function member(object: JsonObject, name: string): JsonObject {
  const value = object[name];
  return isJsonObject(value) ? value : {};
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : '';
}

function wholeOf(value: JsonValue | undefined, least: number, most: number): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most ? value : undefined;
}

function linkStateOf(value: JsonValue | undefined): LinkState {
  return value === 'up' || value === 'down' ? value : 'unknown';
}
