import { LOG_LEVELS } from '@hawser/settings';
import * as v from 'valibot';

/** Of all answers of the administrative endpoint: fields are added without a new version, none is taken away. */
export const ADMIN_VERSION = 'hawser.dev/v1';

/** What each bearer of a token may ask for, by the verb on the path as nonResourceURL. */
export const ADMIN_PATHS = {
  nodes: '/hawser/nodes',
  logLevel: '/hawser/log-level',
  version: '/hawser/version',
} as const;

/** Sessions in one page, unless `limit` says otherwise, and at most. One has some 350 bytes. */
export const PAGE = 500;
export const MOST_PER_PAGE = 2_000;

const text = v.string();
const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const version = v.literal(ADMIN_VERSION);
/** RFC 3339. */
const time = v.pipe(
  v.string(),
  v.check((value) => !Number.isNaN(Date.parse(value)), 'must be a time'),
);

/** A live session of a replica. */
export const NodeSession = v.object({
  node: text,
  /** `relaySyncing`, `nodeMissing`, `nodeNotLabelled`, `syncing`, `inSync`: see docs/relay.md. */
  state: text,
  detail: text,
  since: time,
  /** How long the device has lacked something, in ms; 0 where it lacks nothing. */
  lagMs: whole,
  /** Of messages of the link, without WebSocket and TLS, since it was opened. */
  sentBytes: whole,
  receivedBytes: whole,
  agentVersion: text,
});
export type NodeSession = v.InferOutput<typeof NodeSession>;

/** A page of sessions, by the names of their nodes. */
export const NodeSessionList = v.object({
  apiVersion: version,
  kind: v.literal('NodeSessionList'),
  replica: text,
  version: text,
  items: v.array(NodeSession),
  /** For the next page: `?continue=`; empty in the last one. */
  continue: text,
});
export type NodeSessionList = v.InferOutput<typeof NodeSessionList>;

/** A line of a watch. SYNCED comes once, after all that there was; ALIVE at rest, so that a dead replica is noticed. */
export const NodeSessionEvent = v.variant('type', [
  v.object({ type: v.picklist(['ADDED', 'MODIFIED', 'DELETED']), object: NodeSession }),
  v.object({ type: v.picklist(['SYNCED', 'ALIVE']) }),
]);
export type NodeSessionEvent = v.InferOutput<typeof NodeSessionEvent>;

const OutboxCount = v.object({ resource: text, entries: whole });
const BlockedRow = v.object({ key: text, why: text, ageMs: whole });

/** What an agent says of itself when it is asked. */
export const DeviceState = v.object({
  time,
  outbox: v.object({
    entries: whole,
    bytes: whole,
    oldestAgeMs: whole,
    byResource: v.array(OutboxCount),
    blocked: v.array(BlockedRow),
    /** Events that were dropped at a bound, since the store was made. */
    droppedEvents: whole,
    refusedReports: whole,
  }),
  storeBytes: whole,
  /** Null where the device does not say. */
  freeBytes: v.nullable(whole),
  workload: text,
  kubelet: text,
  /** Null before the first. */
  lastSync: v.nullable(time),
  startedAt: v.nullable(time),
});
export type DeviceState = v.InferOutput<typeof DeviceState>;

/** All that a replica says of one session. */
export const NodeReport = v.object({
  apiVersion: version,
  kind: v.literal('NodeReport'),
  replica: text,
  session: v.object({
    ...NodeSession.entries,
    storeId: text,
    /** Address and port of the other side: those of the last proxy before the relay. */
    remote: text,
    /** `sha256:HEX` of the device's public key. */
    key: text,
    certificateEnd: v.nullable(time),
    features: v.array(text),
    epoch: whole,
    lastAck: v.nullable(time),
    inflightBatches: whole,
    inflightBytes: whole,
  }),
  objects: v.object({
    resources: v.array(v.object({ resource: text, desired: whole, known: whole, differing: whole })),
    differing: v.array(v.object({ key: text, why: text, detail: text })),
    /** Those that differ and are not listed. */
    more: whole,
  }),
  refusals: v.array(v.object({ at: time, key: text, resourceVersion: text, reason: text, detail: text })),
  /** `untold`: why the device has not said. */
  device: v.union([DeviceState, v.object({ untold: text })]),
});
export type NodeReport = v.InferOutput<typeof NodeReport>;

export const LogLevelAnswer = v.object({
  apiVersion: version,
  kind: v.literal('LogLevel'),
  replica: text,
  level: v.picklist(LOG_LEVELS),
  /** That of the settings. */
  set: v.picklist(LOG_LEVELS),
});
export type LogLevelAnswer = v.InferOutput<typeof LogLevelAnswer>;

/** The body of a PUT; null: back to that of the settings. */
export const LogLevelWish = v.strictObject({ level: v.nullable(v.picklist(LOG_LEVELS)) });

export const VersionAnswer = v.object({ apiVersion: version, kind: v.literal('Version'), replica: text, version: text });
export type VersionAnswer = v.InferOutput<typeof VersionAnswer>;

/** Every answer of 400 and above, as Kubernetes has them. */
export const Failure = v.object({ apiVersion: version, kind: v.literal('Status'), code: whole, reason: text, message: text });
export type Failure = v.InferOutput<typeof Failure>;
