import { create } from '@bufbuild/protobuf';
import { HawserError } from './errors.ts';
import { type Uid, UidSchema } from './gen/hawser/v1/link_pb.ts';
import { type ObjectKey, parseObjectKey } from './objectkey.ts';
import { isResourceVersion } from './version.ts';

/** Turns single fields of a frame into checked values and back; every refusal names the field. */

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Kubernetes uids are UUIDs, or for mirror pods a hash of 32 digits; anything much longer is no uid. */
const MAX_UID_LENGTH = 128;
/** Enough for a message that a person reads; what is longer is cut by the sender and refused by the reader. */
export const MAX_TEXT_LENGTH = 4096;

export function malformed(field: string, why: string): HawserError {
  return new HawserError('malformed_frame', `malformed frame: ${field} ${why}`);
}

/** 16 bytes where it is a UUID in lower case, as text elsewhere. */
export function uidToWire(uid: string): Uid {
  return UUID.test(uid)
    ? create(UidSchema, { form: { case: 'uuid', value: Buffer.from(uid.replaceAll('-', ''), 'hex') } })
    : create(UidSchema, { form: { case: 'text', value: uid } });
}

export function uidFromWire(uid: Uid | undefined, field: string): string {
  const form = uid?.form;
  if (form?.case === 'uuid' && form.value.length === 16) {
    const hex = Buffer.from(form.value).toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }
  if (form?.case === 'text' && form.value !== '' && form.value.length <= MAX_UID_LENGTH) return form.value;
  throw malformed(field, 'is no uid');
}

export function hexToWire(hex: string): Uint8Array {
  return Buffer.from(hex, 'hex');
}

/** Bytes of a fixed length as hex digits. */
export function hexFromWire(bytes: Uint8Array, length: number, field: string): string {
  if (bytes.length !== length) throw malformed(field, `has ${bytes.length} bytes and not ${length}`);
  return Buffer.from(bytes).toString('hex');
}

/** Bytes of a length that varies: from 1 to `most`. */
export function bytesFromWire(bytes: Uint8Array, most: number, field: string): Uint8Array {
  if (bytes.length === 0) throw malformed(field, 'is empty');
  if (bytes.length > most) throw malformed(field, `has ${bytes.length} bytes, at most ${most} are taken`);
  return bytes;
}

export function keyFromWire(key: string, field: string): ObjectKey {
  try {
    return parseObjectKey(key).key;
  } catch (cause) {
    throw new HawserError('malformed_frame', `malformed frame: ${field} is no object key`, { cause });
  }
}

export function resourceVersionFromWire(text: string, field: string): string {
  if (!isResourceVersion(text)) throw malformed(field, 'is no decimal resourceVersion');
  return text;
}

/** 64-bit counters stay below 2^53 in practice; one that does not is refused rather than rounded. */
export function counterFromWire(value: bigint, field: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed(field, 'is above 2^53');
  return Number(value);
}

/** Object numbers and batch numbers count from 1; 0 is what an absent field reads as. */
export function positiveFromWire(value: number, field: string): number {
  if (value < 1) throw malformed(field, 'must be 1 or more');
  return value;
}

export function textFromWire(text: string, field: string): string {
  if (text.length > MAX_TEXT_LENGTH) throw malformed(field, `is longer than ${MAX_TEXT_LENGTH} characters`);
  return text;
}

/** Cut to what the reader takes. */
export function textToWire(text: string): string {
  return text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH - 1)}…` : text;
}

export function boundedList<T>(list: readonly T[], most: number, field: string): readonly T[] {
  if (list.length > most) throw malformed(field, `has ${list.length} entries, at most ${most} are taken`);
  return list;
}

/** A name in a closed set and its number on the wire, in both directions. */
export function enumeration<Name extends string, Wire extends number>(numbers: { readonly [N in Name]: Wire }) {
  const names = new Map<number, Name>();
  for (const name of Object.keys(numbers) as Name[]) names.set(numbers[name], name);
  return {
    toWire: (name: Name): Wire => numbers[name],
    fromWire: (value: number, field: string): Name => {
      const name = names.get(value);
      if (name === undefined) throw malformed(field, `has the unknown value ${value}`);
      return name;
    },
  };
}
