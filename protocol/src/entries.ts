import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { malformed } from './wire.ts';

/** Entries of all lists in one frame, the operations of a batch among them; a batch is one SQLite transaction and holds up others while it runs. */
export const MAX_ENTRIES = 10_000;
/** Fields of one frame at all depths: an operation with all that it may hold has some 15. */
const MAX_FIELDS = 200_000;
/** A shorter frame has no room for more than 8,000 entries, and needs not be looked through. */
const SMALL_BYTES = 16 * 1024;

/** For `fromBinary`: fields that this version does not know are passed over, and not kept. */
export const READING = { readUnknownFields: false } as const;

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;
/** Bytes of the longest varint (64 bits). */
const MAX_VARINT_BYTES = 10;
/** Field number and wire type, in 32 bits. */
const MAX_TAG = 0xffffffff;

interface Kind {
  readonly isList: boolean;
  /** Of the value, or of each entry; numbers of a list may also come in a row (packed). */
  readonly wireType: number;
  /** Of what the value, or each entry, is. */
  readonly message: DescMessage | undefined;
}

const kindsOf = new WeakMap<DescMessage, ReadonlyMap<number, Kind>>();

/**
 * An empty entry takes 2 bytes on the wire and some hundred in memory, so a frame of 4 MiB could become 500 MB and half a second of
 * work before the codec sees how many there are. This looks through the bytes first, and allocates nothing.
 * @throws HawserError `malformed_frame` for more than MAX_ENTRIES entries or MAX_FIELDS fields, and for bytes that are no message
 */
export function requireFewEntries(schema: DescMessage, bytes: Uint8Array): void {
  if (bytes.length <= SMALL_BYTES) return;
  new Scan(bytes).message(schema, bytes.length);
}

class Scan {
  readonly #bytes: Uint8Array;
  #at = 0;
  #entries = 0;
  #fields = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Of a schema that does not contain itself, so its depth is bounded by the schema's. */
  message(schema: DescMessage, end: number): void {
    const kinds = kindsIn(schema);
    while (this.#at < end) {
      const tag = this.#varint(end);
      // A reader keeps 32 bits of it, and would take the field for another than this one here.
      if (tag > MAX_TAG) throw noMessage();
      this.#fields += 1;
      if (this.#fields > MAX_FIELDS) throw malformed('frame', `has more than ${MAX_FIELDS} fields`);
      this.#value(kinds.get(Math.floor(tag / 8)), tag % 8, end);
    }
  }

  #value(kind: Kind | undefined, wireType: number, end: number): void {
    const isPacked = kind?.isList === true && kind.wireType !== LENGTH_DELIMITED && wireType === LENGTH_DELIMITED;
    // A reader goes by the schema and not by what stands there.
    if (kind !== undefined && kind.wireType !== wireType && !isPacked) throw noMessage();
    if (kind?.isList === true && !isPacked) this.#count(1);
    switch (wireType) {
      case VARINT:
        this.#varint(end);
        return;
      case FIXED64:
        this.#skip(8, end);
        return;
      case FIXED32:
        this.#skip(4, end);
        return;
      case LENGTH_DELIMITED: {
        const length = this.#varint(end);
        if (length > end - this.#at) throw noMessage();
        // Each number takes a byte or more.
        if (isPacked) this.#count(length);
        if (kind?.message === undefined) this.#skip(length, end);
        else this.message(kind.message, this.#at + length);
        return;
      }
      default:
        throw noMessage();
    }
  }

  #count(entries: number): void {
    this.#entries += entries;
    if (this.#entries > MAX_ENTRIES) throw malformed('frame', `has more than ${MAX_ENTRIES} entries`);
  }

  #skip(length: number, end: number): void {
    this.#at += length;
    if (this.#at > end) throw noMessage();
  }

  /** Above 2^53 it is rounded: no length and no tag of a message is. */
  #varint(end: number): number {
    let value = 0;
    let factor = 1;
    for (let index = 0; index < MAX_VARINT_BYTES; index += 1) {
      const byte = this.#at < end ? this.#bytes[this.#at] : undefined;
      if (byte === undefined) throw noMessage();
      this.#at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    throw noMessage();
  }
}

function noMessage(): Error {
  return malformed('frame', 'is no Protocol Buffers message of the link');
}

function kindsIn(schema: DescMessage): ReadonlyMap<number, Kind> {
  const known = kindsOf.get(schema);
  if (known !== undefined) return known;
  const kinds = new Map(schema.fields.map((field) => [field.number, kindOf(field)]));
  kindsOf.set(schema, kinds);
  return kinds;
}

function kindOf(field: DescField): Kind {
  const isList = field.fieldKind === 'list';
  if (field.message !== undefined) return { isList, wireType: LENGTH_DELIMITED, message: field.message };
  return { isList, wireType: field.scalar === undefined ? VARINT : wireTypeOf(field.scalar), message: undefined };
}

function wireTypeOf(scalar: ScalarType): number {
  switch (scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return LENGTH_DELIMITED;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return FIXED64;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return FIXED32;
    default:
      return VARINT;
  }
}
