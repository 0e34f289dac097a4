import { decodeRelayMessage, encodeRelayMessage, type Operation } from '@hawser/protocol';
import type { Random } from './random.ts';

/**
 * A batch in which a bit of each body is another; every other frame as it is. The agent must refuse those objects and take the rest.
 * @param onDamage called for each body
 */
export function damagedBatch(bytes: Uint8Array, random: Random, onDamage: () => void): Uint8Array {
  const message = decodeRelayMessage(bytes);
  if (message.type !== 'batch') return bytes;
  const damaged = (body: Uint8Array): Uint8Array => {
    const copy = Uint8Array.from(body);
    const at = random.integer(copy.length);
    copy[at] = (copy[at] ?? 0) ^ 1;
    onDamage();
    return copy;
  };
  const operations = message.operations.map((operation): Operation => {
    const { change } = operation;
    if (change.type === 'upsertDelta') return { ...operation, change: { ...change, bytes: damaged(change.bytes) } };
    if (change.type !== 'upsert') return operation;
    return { ...operation, change: { ...change, body: { ...change.body, bytes: damaged(change.body.bytes) } } };
  });
  return encodeRelayMessage({ ...message, operations });
}
