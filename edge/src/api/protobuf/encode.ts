import { MAGIC } from './decode.ts';
import { type Field, type Form, type Message, messageOfKind, type Scalar } from './fields.ts';
import { LENGTH, ProtobufError, Reader } from './reader.ts';
import { readTime } from './times.ts';
import { isUnknownFields, UNKNOWN_FIELDS, unknownFieldsOf } from './unknown.ts';
import { Writer } from './writer.ts';

export interface Encoded {
  /** Envelope and all. */
  readonly bytes: Buffer;
  /** Whether they say everything that the object says. What they do not is left out: fields that the table lacks, values of another type. */
  readonly complete: boolean;
}

/**
 * An object as Kubernetes' own servers and clients write it: fields in the order of their numbers, maps in that of their keys, and all that
 * Go does not keep as a pointer even where it is empty.
 * Undefined for a kind that the field table does not have.
 */
export function encodeObject(object: object): Encoded | undefined {
  const { apiVersion, kind } = typeMetaOf(object);
  const message = messageOfKind(apiVersion, kind);
  if (message === undefined) return undefined;
  const writer = new Writer();
  const encoder = new Encoder(writer);
  // contentType and contentEncoding, which are empty.
  writer.bytes(Uint8Array.of(0x1a, 0x00, 0x22, 0x00));
  const start = writer.length;
  encoder.message(message, object);
  writer.close(SECOND, start);
  const typeMeta = writer.length;
  writeText(writer, SECOND, kind);
  writeText(writer, FIRST, apiVersion);
  writer.close(FIRST, typeMeta);
  writer.bytes(MAGIC);
  return { bytes: writer.finish(), complete: encoder.complete };
}

/** A message without an envelope. */
export function encodeMessage(message: Message, object: object): Encoded {
  const writer = new Writer();
  const encoder = new Encoder(writer);
  encoder.message(message, object);
  return { bytes: writer.finish(), complete: encoder.complete };
}

function typeMetaOf(object: object): { apiVersion: string; kind: string } {
  const { apiVersion = '', kind = '' }: { apiVersion?: unknown; kind?: unknown } = object;
  return { apiVersion: typeof apiVersion === 'string' ? apiVersion : '', kind: typeof kind === 'string' ? kind : '' };
}

/** Tags of the first two fields of the envelope, of its TypeMeta and of an entry of a map, all of which have a length. */
const FIRST = 8 + LENGTH;
const SECOND = 2 * 8 + LENGTH;

function writeText(writer: Writer, tag: number, text: string): void {
  const start = writer.length;
  writer.text(text);
  writer.close(tag, start);
}

type Members = Readonly<Record<string, unknown>>;

const NOTHING: Members = {};
const UNKNOWN_BEGINS = UNKNOWN_FIELDS.charCodeAt(0);

/** Members of Go's TypeMeta, which a message never has: the envelope says them. */
const TYPE_META: ReadonlySet<string> = new Set(['apiVersion', 'kind']);

/** Everything is written backwards; see the writer. Goes no deeper than the table does. */
class Encoder {
  readonly #writer: Writer;
  complete = true;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  message(message: Message, value: unknown): void {
    if (!isMembers(value) && value !== undefined && value !== null) this.complete = false;
    const object = isMembers(value) ? value : NOTHING;
    let count = 0;
    let unknown = false;
    for (const name in object) {
      count++;
      if (name.charCodeAt(0) === UNKNOWN_BEGINS) unknown = true;
    }
    if (this.#fields(message, object, unknown ? '' : undefined) < count) this.#requireKnown(message, object);
  }

  /**
   * Returns how many members of the object were fields of the message.
   * @param inlineIn where the message stands in its object; undefined where that has nothing that came without a name
   */
  #fields(message: Message, object: Members, inlineIn: string | undefined): number {
    let found = 0;
    if (inlineIn !== undefined) this.#unknown(message, object[unknownFieldsOf(inlineIn)]);
    const { fields } = message;
    for (let index = fields.length - 1; index >= 0; index--) {
      const field = fields[index];
      if (field === undefined) continue;
      if (field.inline && typeof field.type !== 'string') {
        const start = this.#writer.length;
        const inside = inlineIn === undefined ? undefined : inlineIn === '' ? field.name : `${inlineIn}.${field.name}`;
        found += this.#fields(field.type, object, inside);
        this.#writer.close(field.tag, start);
        continue;
      }
      const value = object[field.name];
      if (value !== undefined) found++;
      if (value !== undefined && value !== null) this.#field(field, value);
      else if (field.absent === 'zero') this.#writer.zero(field.tag);
      else if (field.absent === 'message') this.#value(field, field.tag, undefined);
    }
    return found;
  }

  /**
   * Fields that came without a name go back as they came, after those that have one. A client of JSON can write anything under that name: what
   * is no such fields would take the whole list with it, or say something else than the object does, and is left out.
   */
  #unknown(message: Message, value: unknown): void {
    if (value === undefined) return;
    const bytes = Buffer.from(typeof value === 'string' ? value : '', 'base64');
    if (typeof value === 'string' && haveNoNames(message, bytes)) this.#writer.bytes(bytes);
    else this.complete = false;
  }

  /** Slow, and only where an object has more than its fields. */
  #requireKnown(message: Message, object: Members): void {
    const names = namesOf(message);
    for (const [name, value] of Object.entries(object)) {
      if (value === undefined || names.has(name) || TYPE_META.has(name) || isUnknownFields(name)) continue;
      this.complete = false;
      return;
    }
  }

  #field(field: Field, value: unknown): void {
    if (field.shape === 'single') this.#value(field, field.tag, value);
    else if (field.shape === 'map') this.#map(field, value);
    else if (Array.isArray(value)) {
      for (let index = value.length - 1; index >= 0; index--) this.#value(field, field.tag, value[index] ?? undefined);
    } else this.complete = false;
  }

  #map(field: Field, value: unknown): void {
    if (!isMembers(value)) {
      this.complete = false;
      return;
    }
    const keys = sorted(Object.keys(value));
    for (let index = keys.length - 1; index >= 0; index--) {
      const key = keys[index] ?? '';
      const start = this.#writer.length;
      const entry = value[key] ?? undefined;
      if (entry !== undefined || field.type !== 'y') this.#value(field, SECOND, entry);
      writeText(this.#writer, FIRST, key);
      this.#writer.close(field.tag, start);
    }
  }

  /** One value with its tag; undefined for what is empty. */
  #value({ type }: Field, tag: number, value: unknown): void {
    const writer = this.#writer;
    const start = writer.length;
    if (typeof type !== 'string') {
      this.#content(type, value);
      writer.close(tag, start);
    } else {
      this.#scalar(type, value);
      if (type === 's' || type === 'y') writer.close(tag, start);
      else writer.varint(tag);
    }
  }

  #scalar(type: Scalar, value: unknown): void {
    switch (type) {
      case 's':
        this.#writer.text(this.#text(value));
        break;
      case 'y':
        this.#writer.bytes(this.#bytes(value));
        break;
      case 'b':
        if (typeof value !== 'boolean' && value !== undefined) this.complete = false;
        this.#writer.varint(value === true ? 1 : 0);
        break;
      default:
        this.#writer.int64(this.#number(value, type === 'i' ? 2 ** 31 : 2 ** 63));
    }
  }

  #text(value: unknown): string {
    if (typeof value === 'string') return value;
    if (value !== undefined) this.complete = false;
    return '';
  }

  #bytes(value: unknown): Buffer {
    const text = this.#text(value);
    const bytes = Buffer.from(text, 'base64');
    if (bytes.toString('base64') !== text) this.complete = false;
    return bytes;
  }

  #number(value: unknown, bound: number): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= -bound && value < bound) return value;
    if (value !== undefined) this.complete = false;
    return 0;
  }

  #content(message: Message, value: unknown): void {
    if (message.form === 'time' || message.form === 'microTime') this.#time(message, value);
    else this.message(message, membersOf(message.form, value));
  }

  #time(message: Message, value: unknown): void {
    if (value === undefined) return;
    const time = readTime(this.#text(value), message.form === 'microTime');
    if (time === undefined) this.complete = false;
    else this.message(message, time);
  }
}

/** The fields of a message that JSON shows as one value. */
function membersOf(form: Form, value: unknown): unknown {
  switch (form) {
    case 'items':
      return { items: value };
    case 'quantity':
      // YAML and JSON may have it as a number.
      return { string: typeof value === 'number' ? String(value) : (value ?? '0') };
    case 'intOrString':
      return typeof value === 'string' ? { type: 1, strVal: value } : { type: 0, intVal: value };
    case 'json':
      return { Raw: Buffer.from(JSON.stringify(value ?? null)).toString('base64') };
    default:
      return value;
  }
}

/** Whether these bytes are whole fields, and none that the message has itself. */
function haveNoNames(message: Message, bytes: Buffer): boolean {
  const reader = new Reader(bytes);
  try {
    while (reader.at < bytes.length) {
      const tag = reader.tag(bytes.length);
      if (message.field(tag >>> 3) !== undefined) return false;
      reader.skip(tag & 7, bytes.length);
    }
  } catch (error) {
    if (error instanceof ProtobufError) return false;
    throw error;
  }
  return true;
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const memberNames = new WeakMap<Message, ReadonlySet<string>>();

/** What the members of an object may be called. */
function namesOf(message: Message): ReadonlySet<string> {
  let names = memberNames.get(message);
  if (names === undefined) {
    names = new Set(
      message.fields.flatMap((field) =>
        field.inline && typeof field.type !== 'string' ? [...namesOf(field.type)] : [field.name],
      ),
    );
    memberNames.set(message, names);
  }
  return names;
}

/** In the order of their bytes in UTF-8, which is that of Go; JavaScript compares halves of surrogates as they stand. */
function sorted(keys: string[]): string[] {
  if (keys.length < 2) return keys;
  return keys.some((key) => SURROGATE.test(key))
    ? keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    : keys.sort();
}

const SURROGATE = /[\ud800-\udfff]/;
