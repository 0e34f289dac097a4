import {
  type AgentMessage,
  type EncodedBody,
  encodeAgentMessage,
  encodeRelayMessage,
  HawserError,
  type InventoryEntry,
  MAX_FRAME_BYTES,
  type OperationChange,
  objectKey,
  type QueryAnswer,
  type Question,
  type RelayMessage,
  type RenewalOutcome,
  type ReportOperation,
  type ReportOutcome,
  type StatusText,
  type Version,
} from '@hawser/protocol';
import fc from 'fast-check';
import { Random } from '../../../model/random.ts';
import { lyingFrame } from '../../mutate/zstd.ts';

/** Every message of the link with contents at random, right in its form and often wrong in what it says. */

/** Lists: long ones now and then, up to and over their bounds. */
const MOST_LISTED = 12_000;

const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((all) => Buffer.from(all).toString('hex'));
const word = fc.oneof(
  fc.constantFrom('edge-1', 'default', 'front', 'a', 'x'.repeat(253)),
  fc.stringMatching(/^[a-z0-9.-]{1,20}$/),
);
const text = fc.oneof(
  { weight: 9, arbitrary: fc.string({ maxLength: 40 }) },
  { weight: 1, arbitrary: fc.constant('x'.repeat(5000)) },
);
const counter = fc.oneof(
  fc.constantFrom(1, 2, Number.MAX_SAFE_INTEGER),
  fc.maxSafeNat().map((number) => Math.max(1, number)),
);
const small = fc.oneof(fc.constantFrom(1, 2, 0xffff_ffff), fc.nat({ max: 0xffff_ffff }));
const uid = fc.oneof(fc.uuid(), fc.string({ minLength: 1, maxLength: 130 }));
const decimal = fc.oneof(fc.nat().map(String), fc.stringMatching(/^[1-9][0-9]{0,60}$/), fc.constant('007'));
const resource = fc.constantFrom(
  'pods',
  'secrets',
  'configmaps',
  'nodes',
  'events',
  'coordination.k8s.io/leases',
  'pods/exec',
  'a/b/c',
  '*',
);
const key = fc.tuple(fc.constantFrom('pods', 'secrets', 'apps/deployments'), word, word).map((parts) => objectKey(...parts));
const version: fc.Arbitrary<Version> = fc.record({ uid, resourceVersion: decimal, hash: hex(8) });
const json = fc.oneof(
  { weight: 9, arbitrary: fc.json({ maxDepth: 5 }) },
  { weight: 1, arbitrary: fc.nat({ max: 50_000 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth)) },
);
const zstd = fc.nat().map((seed) => new Uint8Array(lyingFrame(new Random(seed))));
const size = fc.oneof(fc.nat({ max: 4096 }), fc.constantFrom(0, 3 * 1024 * 1024, 3 * 1024 * 1024 + 1, 0xffff_ffff));

/** @param small what long lists are made of, so that they stay below the bound of a frame; undefined: there are none */
function list<T>(of: fc.Arbitrary<T>, small?: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  const few = fc.array(of, { maxLength: 5 });
  if (small === undefined) return few;
  const many = fc.tuple(small, fc.nat({ max: MOST_LISTED })).map(([one, count]) => Array<T>(count).fill(one));
  return fc.oneof({ weight: 9, arbitrary: few }, { weight: 1, arbitrary: many });
}

const plainBody = fc
  .uint8Array({ maxLength: 300 })
  .map((bytes): EncodedBody => ({ encoding: 'identity', bytes, size: bytes.length }));
const packedBody = fc.record({ encoding: fc.constant('zstd' as const), bytes: zstd, size });
const staticBody = fc.record({ encoding: fc.constant('zstdStatic' as const), bytes: zstd, size, dictionary: hex(8) });
export const encodedBody: fc.Arbitrary<EncodedBody> = fc.oneof(plainBody, packedBody, staticBody);

const entry: fc.Arbitrary<InventoryEntry> = fc.record({ number: small, key, version, refused: fc.boolean() });
const operation: fc.Arbitrary<ReportOperation> = fc.oneof(
  fc.record({ type: fc.constantFrom('create' as const, 'update' as const), body: json }),
  fc.record({
    type: fc.constant('patch' as const),
    patchType: fc.constantFrom('strategic' as const, 'merge' as const, 'json' as const),
    body: json,
  }),
  fc.record({ type: fc.constant('remove' as const), gracePeriodSeconds: fc.option(small, { nil: undefined }) }),
);
const named = { resource, namespace: fc.oneof(word, fc.constant('')), name: word };
const question: fc.Arbitrary<Question> = fc.oneof(
  fc.record({ type: fc.constant('get' as const), ...named }),
  fc.record({ type: fc.constant('submit' as const), ...named, subresource: fc.constantFrom('token', 'exec', ''), body: json }),
);

const nack = (detail: fc.Arbitrary<string>) =>
  fc.record({ object: small, reason: fc.constantFrom('hashMismatch' as const, 'store' as const), detail });

const agentMessage: fc.Arbitrary<AgentMessage> = fc.oneof(
  fc.record({
    type: fc.constant('hello' as const),
    protocolVersions: list(fc.nat({ max: 5 }), fc.nat({ max: 5 })),
    features: list(text, word),
    dictionaries: list(hex(8), hex(8)),
    agentVersion: text,
    storeId: hex(16),
    clusterUid: fc.option(uid, { nil: undefined }),
    digest: hex(16),
    objects: small,
    epoch: fc.option(counter, { nil: undefined }),
    authorities: fc.option(hex(8), { nil: undefined }),
    clusterKeys: fc.option(hex(8), { nil: undefined }),
  }),
  fc.record({ type: fc.constant('inventory' as const), entries: list(entry, entry), last: fc.boolean() }),
  fc.record({
    type: fc.constant('ack' as const),
    number: counter,
    digest: hex(16),
    nacks: list(nack(text), nack(word)),
  }),
  fc.record({ type: fc.constant('check' as const), number: counter, digest: hex(16) }),
  fc
    .record({
      number: counter,
      ...named,
      uid: fc.option(uid, { nil: undefined }),
      subresource: fc.constantFrom('', 'status', 'eviction', 'exec'),
      operation,
    })
    .map((report) => ({ type: 'report' as const, report })),
  fc.record({ type: fc.constant('kubelet' as const), alive: fc.boolean() }),
  fc.record({ id: counter, deadlineMs: small, question }).map((query) => ({ type: 'query' as const, query })),
  fc.record({ type: fc.constant('cancelQuery' as const), id: counter }),
  fc.record({
    type: fc.constant('renew' as const),
    publicKey: fc.uint8Array({ maxLength: 600 }),
    proof: fc.uint8Array({ maxLength: 300 }),
  }),
  fc
    .record({
      id: counter,
      timeMs: counter,
      outbox: fc.record({
        entries: counter,
        bytes: counter,
        oldestMs: counter,
        counts: list(fc.record({ resource: text, entries: counter }), fc.record({ resource, entries: counter })),
        blocked: list(fc.record({ key, why: text, ageMs: counter }), fc.record({ key, why: word, ageMs: counter })),
        droppedEvents: counter,
        refusedReports: counter,
      }),
      storeBytes: counter,
      freeBytes: fc.option(counter, { nil: undefined }),
      workload: text,
      kubelet: text,
      lastSync: text,
      startedAt: text,
    })
    .map((state) => ({ type: 'deviceState' as const, state })),
);

const change: fc.Arbitrary<OperationChange> = fc.oneof(
  fc.record({ type: fc.constant('upsert' as const), version, body: encodedBody }),
  fc.record({
    type: fc.constant('upsertDelta' as const),
    resourceVersion: decimal,
    baseHash: hex(8),
    hash: hex(8),
    bytes: zstd,
    size,
  }),
  fc.record({ type: fc.constant('touch' as const), resourceVersion: decimal }),
  fc.record({ type: fc.constant('delete' as const), uid }),
);
const touch = fc.record({ type: fc.constant('touch' as const), resourceVersion: decimal });
const operationOf = (of: fc.Arbitrary<OperationChange>) =>
  fc.record({ object: small, key: fc.option(key, { nil: undefined }), change: of });
const statusText: fc.Arbitrary<StatusText> = fc.record({ code: small, reason: text, message: text });
const unavailable = fc.record({ type: fc.constant('unavailable' as const), retryAfterMs: small, message: text });
const certificates = fc.oneof(
  list(fc.uint8Array({ maxLength: 9000 })),
  list(fc.uint8Array({ maxLength: 5 }), fc.uint8Array({ maxLength: 5 })),
);
const outcome: fc.Arbitrary<ReportOutcome> = fc.oneof(
  fc.record({ type: fc.constant('applied' as const), uid, resourceVersion: fc.option(decimal, { nil: undefined }), name: text }),
  statusText.map((status) => ({ type: 'refused' as const, ...status })),
  unavailable,
);
const answer: fc.Arbitrary<QueryAnswer> = fc.oneof(
  fc.record({ type: fc.constant('found' as const), cached: fc.boolean(), body: encodedBody }),
  statusText.map((status) => ({ type: 'notFound' as const, ...status })),
  statusText.map((status) => ({ type: 'forbidden' as const, ...status })),
  unavailable,
);
const renewal: fc.Arbitrary<RenewalOutcome> = fc.oneof(
  fc.record({ type: fc.constant('issued' as const), certificates }),
  statusText.map((status) => ({ type: 'refused' as const, ...status })),
  unavailable,
);
const status = fc.record({
  state: fc.constantFrom('syncing' as const, 'inSync' as const, 'nodeMissing' as const, 'relaySyncing' as const),
  detail: text,
});

const relayMessage: fc.Arbitrary<RelayMessage> = fc.oneof(
  fc.record({
    type: fc.constant('welcome' as const),
    protocolVersion: fc.constantFrom(0, 1, 2),
    features: list(text, word),
    dictionaries: list(hex(8), hex(8)),
    relayVersion: text,
    clusterUid: uid,
    epoch: counter,
    nodeName: word,
    status,
  }),
  status.map((of) => ({ type: 'status' as const, status: of })),
  fc.constant({ type: 'inventoryRequest' as const }),
  fc.record({ type: fc.constant('deviceQuestion' as const), id: counter }),
  fc.record({
    type: fc.constant('batch' as const),
    number: fc.oneof(fc.constantFrom(1, 2), counter),
    operations: list(operationOf(change), operationOf(touch)),
    complete: fc.boolean(),
  }),
  fc.record({ type: fc.constant('reportAnswer' as const), number: fc.oneof(fc.constantFrom(1, 2, 3), counter), outcome }),
  fc.record({ type: fc.constant('queryAnswer' as const), id: counter, answer }),
  renewal.map((of) => ({ type: 'renewed' as const, outcome: of })),
  fc.record({ type: fc.constant('authorities' as const), certificates }),
  fc.record({
    type: fc.constant('clusterKeys' as const),
    keys: fc.record({
      issuer: fc.string({ minLength: 1, maxLength: 100 }),
      audiences: fc.array(fc.string({ minLength: 1, maxLength: 100 }), { minLength: 1, maxLength: 16 }),
      keySet: fc.oneof(fc.constant('{"keys":[]}'), fc.string({ minLength: 1 })),
    }),
  }),
  fc.record({
    type: fc.constant('goodbye' as const),
    reason: fc.constantFrom('replaced' as const, 'protocolError' as const, 'revoked' as const),
    detail: text,
    retryAfterMs: small,
  }),
);

export const agentFrame: fc.Arbitrary<Uint8Array> = agentMessage.map((message) => encoded(() => encodeAgentMessage(message)));
export const relayFrame: fc.Arbitrary<Uint8Array> = relayMessage.map((message) => encoded(() => encodeRelayMessage(message)));

/** What is over the bound of a frame is not even encoded: then the input is too long, and nothing else. */
function encoded(encode: () => Uint8Array): Uint8Array {
  try {
    return encode();
  } catch (error) {
    if (error instanceof HawserError && error.code === 'too_large') return new Uint8Array(MAX_FRAME_BYTES + 1);
    throw error;
  }
}
