import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type AgentMessage,
  type Batch,
  DICTIONARIES,
  decodeAgentMessage,
  decodeRelayMessage,
  encodeAgentMessage,
  encodeBody,
  encodeRelayMessage,
  HawserError,
  MAX_FRAME_BYTES,
  MAX_QUERY_MS,
  objectKey,
  type RelayMessage,
} from './index.ts';

const hex = (digits: number) => fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: digits, maxLength: digits });
const uid = fc.oneof(fc.uuid(), hex(32));
const resourceVersion = fc.oneof(fc.nat().map(String), fc.constant('98765432109876543210'));
const version = fc.record({ uid, resourceVersion, hash: hex(16) });
const name = fc.stringMatching(/^[a-z][a-z0-9.-]{0,30}$/);
const key = fc
  .tuple(fc.constantFrom('pods', 'configmaps', 'apps/deployments'), name, name)
  .map(([r, ns, n]) => objectKey(r, ns, n));
const counter = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const number = fc.integer({ min: 1, max: 0xffffffff });
const status = fc.record({
  state: fc.constantFrom(
    'relaySyncing' as const,
    'nodeMissing' as const,
    'nodeNotLabelled' as const,
    'syncing' as const,
    'inSync' as const,
  ),
  detail: fc.string({ maxLength: 50 }),
});
const json = fc.json();

const deviceState = fc.record({
  id: counter,
  timeMs: fc.maxSafeNat(),
  outbox: fc.record({
    entries: fc.maxSafeNat(),
    bytes: fc.maxSafeNat(),
    oldestMs: fc.maxSafeNat(),
    counts: fc.array(fc.record({ resource: name, entries: fc.maxSafeNat() }), { maxLength: 32 }),
    blocked: fc.array(fc.record({ key, why: fc.string({ maxLength: 256 }), ageMs: fc.maxSafeNat() }), { maxLength: 16 }),
    droppedEvents: fc.maxSafeNat(),
    refusedReports: fc.maxSafeNat(),
  }),
  storeBytes: fc.maxSafeNat(),
  freeBytes: fc.option(fc.maxSafeNat(), { nil: undefined }),
  workload: name,
  kubelet: name,
  lastSync: name,
  startedAt: name,
});

const agentMessages: fc.Arbitrary<AgentMessage> = fc.oneof(
  fc.record({ type: fc.constant('deviceState' as const), state: deviceState }),
  fc.record({
    type: fc.constant('hello' as const),
    protocolVersions: fc.array(number, { maxLength: 3 }),
    features: fc.array(name, { maxLength: 3 }),
    dictionaries: fc.array(hex(16), { maxLength: 3 }),
    agentVersion: name,
    storeId: hex(32),
    clusterUid: fc.option(fc.uuid(), { nil: undefined }),
    digest: hex(32),
    objects: fc.nat(),
    epoch: fc.option(counter, { nil: undefined }),
    authorities: fc.option(hex(16), { nil: undefined }),
    clusterKeys: fc.option(hex(16), { nil: undefined }),
  }),
  fc.record({
    type: fc.constant('inventory' as const),
    entries: fc.array(fc.record({ number, key, version, refused: fc.boolean() }), { maxLength: 20 }),
    last: fc.boolean(),
  }),
  fc.record({ type: fc.constant('check' as const), number: fc.nat(), digest: hex(32) }),
  fc.record({
    type: fc.constant('ack' as const),
    number: counter,
    digest: hex(32),
    nacks: fc.array(
      fc.record({ object: number, reason: fc.constantFrom('hashMismatch' as const, 'store' as const), detail: fc.string() }),
    ),
  }),
  fc.record({
    type: fc.constant('report' as const),
    report: fc.record({
      number: counter,
      resource: fc.constantFrom('pods', 'coordination.k8s.io/leases'),
      namespace: name,
      name,
      uid: fc.option(uid, { nil: undefined }),
      subresource: fc.constantFrom('', 'status'),
      operation: fc.oneof(
        fc.record({ type: fc.constant('create' as const), body: json }),
        fc.record({ type: fc.constant('update' as const), body: json }),
        fc.record({
          type: fc.constant('patch' as const),
          patchType: fc.constantFrom('strategic' as const, 'merge' as const, 'json' as const),
          body: json,
        }),
        fc.record({ type: fc.constant('remove' as const), gracePeriodSeconds: fc.option(fc.nat(), { nil: undefined }) }),
      ),
    }),
  }),
  fc.record({ type: fc.constant('kubelet' as const), alive: fc.boolean() }),
  fc.record({
    type: fc.constant('query' as const),
    query: fc.record({
      id: counter,
      deadlineMs: fc.integer({ min: 1, max: MAX_QUERY_MS }),
      question: fc.oneof(
        fc.record({ type: fc.constant('get' as const), resource: fc.constantFrom('pods', 'a.b/c'), namespace: name, name }),
        fc.record({
          type: fc.constant('submit' as const),
          resource: fc.constantFrom('pods', 'authentication.k8s.io/tokenreviews'),
          namespace: fc.constantFrom('', 'default'),
          name: fc.constantFrom('', 'app'),
          subresource: fc.constantFrom('', 'token'),
          body: json,
        }),
      ),
    }),
  }),
  fc.record({ type: fc.constant('cancelQuery' as const), id: counter }),
  fc.record({
    type: fc.constant('renew' as const),
    publicKey: fc.uint8Array({ minLength: 1, maxLength: 200 }),
    proof: fc.uint8Array({ minLength: 1, maxLength: 200 }),
  }),
);

const encodedBody = fc
  .tuple(fc.string({ maxLength: 600 }), fc.constantFrom(undefined, ...DICTIONARIES))
  .map(([text, dictionary]) => encodeBody(text, dictionary));
const change: fc.Arbitrary<Batch['operations'][number]['change']> = fc.oneof(
  fc.record({ type: fc.constant('upsert' as const), version, body: encodedBody }),
  fc.record({
    type: fc.constant('upsertDelta' as const),
    resourceVersion,
    baseHash: hex(16),
    hash: hex(16),
    bytes: fc.uint8Array(),
    size: fc.nat(1000),
  }),
  fc.record({ type: fc.constant('touch' as const), resourceVersion }),
  fc.record({ type: fc.constant('delete' as const), uid }),
);

const certificates = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 4 });

const relayMessages: fc.Arbitrary<RelayMessage> = fc.oneof(
  fc.record({
    type: fc.constant('welcome' as const),
    protocolVersion: number,
    features: fc.array(name),
    dictionaries: fc.array(hex(16)),
    relayVersion: name,
    clusterUid: fc.uuid(),
    epoch: fc.nat(),
    nodeName: name,
    status,
  }),
  fc.record({ type: fc.constant('status' as const), status }),
  fc.record({ type: fc.constant('inventoryRequest' as const) }),
  fc.record({ type: fc.constant('deviceQuestion' as const), id: counter }),
  fc.record({
    type: fc.constant('batch' as const),
    number: counter,
    operations: fc.array(fc.record({ object: number, key: fc.option(key, { nil: undefined }), change }), { maxLength: 5 }),
    complete: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('reportAnswer' as const),
    number: counter,
    outcome: fc.oneof(
      fc.record({
        type: fc.constant('applied' as const),
        uid,
        resourceVersion: fc.option(resourceVersion, { nil: undefined }),
        name,
      }),
      fc.record({ type: fc.constant('refused' as const), code: fc.nat(599), reason: name, message: fc.string() }),
      fc.record({ type: fc.constant('unavailable' as const), retryAfterMs: fc.nat(), message: fc.string() }),
    ),
  }),
  fc.record({
    type: fc.constant('queryAnswer' as const),
    id: counter,
    answer: fc.oneof(
      fc.record({ type: fc.constant('found' as const), cached: fc.boolean(), body: encodedBody }),
      fc.record({
        type: fc.constantFrom('notFound' as const, 'forbidden' as const, 'refused' as const),
        code: fc.nat(599),
        reason: name,
        message: fc.string(),
      }),
      fc.record({ type: fc.constant('unavailable' as const), retryAfterMs: fc.nat(), message: fc.string() }),
    ),
  }),
  fc.record({
    type: fc.constant('renewed' as const),
    outcome: fc.oneof(
      fc.record({ type: fc.constant('issued' as const), certificates }),
      fc.record({ type: fc.constant('refused' as const), code: fc.nat(599), reason: name, message: fc.string() }),
      fc.record({ type: fc.constant('unavailable' as const), retryAfterMs: fc.nat(), message: fc.string() }),
    ),
  }),
  fc.record({ type: fc.constant('authorities' as const), certificates }),
  fc.record({
    type: fc.constant('clusterKeys' as const),
    keys: fc.record({
      issuer: fc.string({ minLength: 1, maxLength: 1_024 }),
      audiences: fc.array(fc.string({ minLength: 1, maxLength: 1_024 }), { minLength: 1, maxLength: 16 }),
      keySet: fc.string({ minLength: 1, maxLength: 2_000 }),
    }),
  }),
  fc.record({
    type: fc.constant('goodbye' as const),
    reason: fc.constantFrom('replaced' as const, 'shuttingDown' as const, 'wrongCluster' as const, 'revoked' as const),
    detail: fc.string(),
    retryAfterMs: fc.nat(),
  }),
);

/** Byte arrays compare by content whatever their class; a Buffer has been through its toJSON before the function sees it. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, field) => {
      if (field instanceof Uint8Array) return [...field];
      return field?.type === 'Buffer' && Array.isArray(field.data) ? field.data : field;
    }),
  );
}

test('every message of an agent comes back from its frame as it was', () => {
  fc.assert(
    fc.property(agentMessages, (message) => {
      assert.deepEqual(plain(decodeAgentMessage(encodeAgentMessage(message))), plain(message));
    }),
  );
});

test('every message of a relay comes back from its frame as it was', () => {
  fc.assert(
    fc.property(relayMessages, (message) => {
      assert.deepEqual(plain(decodeRelayMessage(encodeRelayMessage(message))), plain(message));
    }),
  );
});

test('bytes that are no frame, and frames with a byte changed, give a clear error or a checked message, never anything else', () => {
  const attempt = (bytes: Uint8Array) => {
    for (const decode of [decodeAgentMessage, decodeRelayMessage]) {
      try {
        decode(bytes);
      } catch (error) {
        assert.ok(error instanceof HawserError, `${error}`);
        assert.match(error.code, /^(malformed_frame|protocol)$/);
      }
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), attempt));
  fc.assert(
    fc.property(
      fc.oneof(agentMessages.map(encodeAgentMessage), relayMessages.map(encodeRelayMessage)),
      fc.nat(),
      fc.nat(255),
      (frame, at, byte) => {
        const changed = Uint8Array.from(frame);
        if (changed.length > 0) changed[at % changed.length] = byte;
        attempt(changed);
      },
    ),
  );
});

test('a message of the wrong direction is a protocol error', () => {
  const frame = encodeRelayMessage({ type: 'inventoryRequest' });
  assert.throws(() => decodeAgentMessage(frame), {
    code: 'protocol',
    message: /inventoryRequest is not a message that an agent sends/,
  });
});

test('a frame over the bound is refused before it is decoded', () => {
  assert.throws(() => decodeAgentMessage(new Uint8Array(MAX_FRAME_BYTES + 1)), { code: 'malformed_frame', message: /are over/ });
});

test('a uid that is a UUID costs 18 bytes on the wire', () => {
  const frame = (uid: string) =>
    encodeRelayMessage({
      type: 'batch',
      number: 1,
      operations: [{ object: 1, key: undefined, change: { type: 'delete', uid } }],
      complete: false,
    }).length;
  const uuid = frame('26f5db3b-e1a0-4071-8c4e-e39586f68335');
  const text = frame('26f5db3be1a040718c4ee39586f68335');
  assert.equal(text - uuid, 16);
});
