import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AgentMessage,
  decodeAgentMessage,
  decodeRelayMessage,
  encodeAgentMessage,
  encodeRelayMessage,
  type RelayMessage,
} from './index.ts';

/** A field that no version has: number 1,000, of type bytes. */
const UNKNOWN_FIELD = Buffer.from([0xc2, 0x3e, 0x03, 0x6e, 0x65, 0x77]);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}

/** The frame as a later version would write it: with a field more in the message, and one beside it. */
function ofLaterVersion(frame: Uint8Array): Buffer {
  let at = 0;
  const read = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = frame[at] ?? 0;
      at += 1;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const tag = read();
  const length = read();
  const message = Buffer.concat([frame.subarray(at, at + length), UNKNOWN_FIELD]);
  return Buffer.concat([varint(tag), varint(message.length), message, UNKNOWN_FIELD]);
}

const HELLO: AgentMessage = {
  type: 'hello',
  protocolVersions: [2, 1],
  features: ['delta', 'ofTheFuture'],
  dictionaries: ['0123456789abcdef'],
  agentVersion: '9.9.9',
  storeId: '0'.repeat(32),
  clusterUid: undefined,
  digest: '0'.repeat(32),
  objects: 0,
  epoch: undefined,
  authorities: undefined,
  clusterKeys: undefined,
};

test('fields that this version does not have are passed over, beside a message and within it', () => {
  const fromAgents: AgentMessage[] = [
    HELLO,
    { type: 'ack', number: 1, digest: '0'.repeat(32), nacks: [] },
    { type: 'kubelet', alive: true },
  ];
  for (const message of fromAgents) assert.deepEqual(decodeAgentMessage(ofLaterVersion(encodeAgentMessage(message))), message);
  const fromRelays: RelayMessage[] = [
    {
      type: 'welcome',
      protocolVersion: 1,
      features: ['ofTheFuture'],
      dictionaries: ['0123456789abcdef'],
      relayVersion: '9.9.9',
      clusterUid: '00000000-0000-4000-8000-00000000c105',
      epoch: 1,
      nodeName: 'edge-1',
      status: { state: 'syncing', detail: '' },
    },
    { type: 'inventoryRequest' },
    { type: 'batch', number: 1, operations: [], complete: true },
    { type: 'goodbye', reason: 'overloaded', detail: 'full', retryAfterMs: 1_000 },
  ];
  for (const message of fromRelays) assert.deepEqual(decodeRelayMessage(ofLaterVersion(encodeRelayMessage(message))), message);
});

test('a message that this version does not have is malformed, on both sides', () => {
  for (const decode of [decodeAgentMessage, decodeRelayMessage]) {
    assert.throws(() => decode(UNKNOWN_FIELD), { code: 'malformed_frame' });
  }
});

test('a goodbye for a reason of a later version keeps its detail and its wait', () => {
  const frame = encodeRelayMessage({
    type: 'goodbye',
    reason: 'overloaded',
    detail: 'moved to another region',
    retryAfterMs: 7_000,
  });
  // Goodbye.reason is field 1, a number.
  const at = Buffer.from(frame).indexOf(Buffer.from([0x08, 0x05])) + 1;
  const goodbye = (reason: number) => frame.with(at, reason);
  const expected = { type: 'goodbye', reason: 'shuttingDown', detail: 'moved to another region', retryAfterMs: 7_000 };
  assert.deepEqual(decodeRelayMessage(goodbye(42)), expected);
  assert.throws(() => decodeRelayMessage(goodbye(0)), { code: 'malformed_frame' }, 'a goodbye without a reason is none');
});
