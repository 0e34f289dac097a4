import { LENGTH } from './reader.ts';
import { Writer } from './writer.ts';

/** Bytes of a length before a frame, big end first. */
const LENGTH_BYTES = 4;
const TYPE_TAG = 8 + LENGTH;
const OBJECT_TAG = 2 * 8 + LENGTH;
/** Of a RawExtension. */
const RAW_TAG = 8 + LENGTH;

/**
 * One event of a watch: its length, then a `meta.v1.WatchEvent` whose object is a RawExtension that holds the object in its envelope.
 * In two parts, so that what is the same for many watches need not be copied for each.
 */
export function watchFrame(type: string, object: Buffer): [head: Buffer, object: Buffer] {
  const writer = new Writer();
  writer.varint(object.length);
  writer.varint(RAW_TAG);
  writer.varint(writer.length + object.length);
  writer.varint(OBJECT_TAG);
  const typeStart = writer.length;
  writer.text(type);
  writer.close(TYPE_TAG, typeStart);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(writer.length + object.length);
  writer.bytes(length);
  return [writer.finish(), object];
}
