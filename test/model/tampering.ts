import { decodeRelayMessage, encodeRelayMessage, type Operation } from '@hawser/protocol';
import type { Random } from './random.ts';

/** Nobody's. */
const OTHER_UID = '0bad0000-0000-4000-8000-000000000000';

export interface Damage {
  readonly bytes: Uint8Array;
  readonly bodies: number;
  readonly deletes: number;
}

/**
 * A batch in which a bit of each body is another, and each delete names another uid; every other frame as it is. The agent must
 * refuse those objects, delete nothing, and take the rest.
 */
export function damagedBatch(bytes: Uint8Array, random: Random): Damage {
  const message = decodeRelayMessage(bytes);
  let bodies = 0;
  let deletes = 0;
  if (message.type !== 'batch') return { bytes, bodies, deletes };
  const damaged = (body: Uint8Array): Uint8Array => {
    const copy = Uint8Array.from(body);
    const at = random.integer(copy.length);
    copy[at] = (copy[at] ?? 0) ^ 1;
    bodies += 1;
    return copy;
  };
  const operations = message.operations.map((operation): Operation => {
    const { change } = operation;
    if (change.type === 'delete') {
      deletes += 1;
      return { ...operation, change: { ...change, uid: OTHER_UID } };
    }
    if (change.type === 'upsertDelta') return { ...operation, change: { ...change, bytes: damaged(change.bytes) } };
    if (change.type !== 'upsert') return operation;
    return { ...operation, change: { ...change, body: { ...change.body, bytes: damaged(change.body.bytes) } } };
  });
  return { bytes: encodeRelayMessage({ ...message, operations }), bodies, deletes };
}
