import { isJsonObject, type JsonObject, type JsonValue, PatchError, parseJson, requireBoundedDepth } from '@hawser/protocol';
import { type Field, type Message, messageOfKind, type Scalar } from './fields.ts';
import { LENGTH, ProtobufError, Reader, VARINT } from './reader.ts';
import { showTime } from './times.ts';
import { unknownFieldsOf } from './unknown.ts';

/**
 * Values that one body may have: fields, items, entries of maps. Two bytes can make a value, which costs some 50 bytes of memory, so 3 MiB
 * could take 80 MB; this holds it to 5. A Node with 50 images has 1,000, an EndpointSlice of 1,000 endpoints 15,000. More is a ProtobufError.
 */
export const MAX_VALUES = 100_000;

/** What Kubernetes puts before each body in Protocol Buffers: "k8s" and a zero. */
export const MAGIC = Buffer.from([0x6b, 0x38, 0x73, 0x00]);

const CONTENT_TYPE = 'application/vnd.kubernetes.protobuf';

/** `runtime.Unknown`: whose message it is, and the message. */
export interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Buffer;
}

/** @throws ProtobufError */
export function openEnvelope(body: Buffer): Envelope {
  if (!body.subarray(0, MAGIC.length).equals(MAGIC)) {
    const why = 'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]';
    throw new ProtobufError(body.length === 0 ? 'empty data' : why);
  }
  const reader = new Reader(body);
  reader.at = MAGIC.length;
  let typeMeta = { apiVersion: '', kind: '' };
  let raw: Buffer = Buffer.alloc(0);
  while (reader.at < body.length) {
    const tag = reader.tag(body.length);
    const number = tag >>> 3;
    if (number < 1 || number > 4) {
      reader.skip(tag & 7, body.length);
      continue;
    }
    const end = delimited(reader, tag, body.length, 'Unknown');
    if (number === 1) typeMeta = readTypeMeta(reader, end);
    else if (number === 2) raw = body.subarray(reader.at, end);
    else requirePlain(reader.text(end), number === 3 ? 'contentEncoding' : 'contentType');
    reader.at = end;
  }
  return { ...typeMeta, raw };
}

function readTypeMeta(reader: Reader, end: number): { apiVersion: string; kind: string } {
  const typeMeta = { apiVersion: '', kind: '' };
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag >>> 3 === 1) typeMeta.apiVersion = reader.text(delimited(reader, tag, end, 'TypeMeta'));
    else if (tag >>> 3 === 2) typeMeta.kind = reader.text(delimited(reader, tag, end, 'TypeMeta'));
    else reader.skip(tag & 7, end);
  }
  return typeMeta;
}

/** Kubernetes' own clients leave both empty. */
function requirePlain(value: string, field: string): void {
  if (value === '' || (field === 'contentType' && value === CONTENT_TYPE)) return;
  throw new ProtobufError(`an object with ${field} ${JSON.stringify(value.slice(0, 100))} is not taken: leave it empty`);
}

/**
 * The object in an envelope as Kubernetes would write it in JSON. `expected` stands in for a kind that the envelope does not name.
 * Undefined for a kind that the field table does not have.
 * @throws ProtobufError
 */
export function decodeEnvelope(
  { apiVersion, kind, raw }: Envelope,
  expected: { readonly apiVersion: string; readonly kind: string },
): JsonObject | undefined {
  const type = kind === '' ? expected : { apiVersion, kind };
  const message = messageOfKind(type.apiVersion, type.kind);
  if (message === undefined) return undefined;
  return decodeMessage(raw, message, { kind: type.kind, apiVersion: type.apiVersion });
}

/** Reads a message into an object, over what it has already. @throws ProtobufError */
export function decodeMessage(bytes: Buffer, message: Message, into: JsonObject = {}): JsonObject {
  return new Decoder(bytes).decode(message, into);
}

class Decoder {
  readonly #reader: Reader;
  #valuesLeft = MAX_VALUES;
  /** Bytes of fields without a name, by the object and the member that they are kept in: joined at the end, however often they come. */
  readonly #unknown = new Map<JsonObject, Map<string, Buffer[]>>();

  constructor(bytes: Buffer) {
    this.#reader = new Reader(bytes);
  }

  decode(message: Message, into: JsonObject): JsonObject {
    this.#message(message, this.#reader.bytes.length, into, '');
    for (const [object, members] of this.#unknown) {
      for (const [member, parts] of members) object[member] = Buffer.concat(parts).toString('base64');
    }
    return into;
  }

  /** No message of the table holds itself, however far down, so this goes no deeper than the table does. */
  #message(message: Message, end: number, into: JsonObject, inlineIn: string): void {
    const reader = this.#reader;
    while (reader.at < end) {
      const start = reader.at;
      const tag = reader.tag(end);
      this.#count(1);
      const field = message.field(tag >>> 3);
      if (field === undefined) {
        reader.skip(tag & 7, end);
        this.#keepUnknown(into, inlineIn, start, reader.at);
      } else if (field.shape === 'map') this.#entry(field, this.#delimited(tag, end, field), into);
      else if (field.shape === 'list') this.#item(field, tag, end, into);
      else this.#single(field, tag, end, into, inlineIn);
    }
    this.#count(message.shown.length);
    for (const field of message.shown) {
      if (into[field.name] === undefined) into[field.name] = emptyOf(field);
    }
  }

  #single(field: Field, tag: number, end: number, into: JsonObject, inlineIn: string): void {
    const { type, name } = field;
    if (typeof type === 'string') {
      const value = this.#scalar(type, tag, end, field);
      // Where Go cannot tell "not set" from empty, JSON leaves it out (or shows it, which is seen to in the end).
      if (!isEmpty(value) || (field.pointer && type !== 'y')) into[name] = value;
      else if (into[name] !== undefined) delete into[name];
      return;
    }
    const valueEnd = this.#delimited(tag, end, field);
    if (field.inline) this.#message(type, valueEnd, into, inlineIn === '' ? name : `${inlineIn}.${name}`);
    else if (type.form === 'object') {
      const before = into[name];
      const object = isJsonObject(before) ? before : {};
      into[name] = object;
      this.#message(type, valueEnd, object, '');
    } else {
      const value = this.#own(type, valueEnd);
      if (value !== null || field.pointer) into[name] = value;
      else if (into[name] !== undefined) delete into[name];
    }
  }

  #item(field: Field, tag: number, end: number, into: JsonObject): void {
    const before = into[field.name];
    const list = Array.isArray(before) ? before : [];
    into[field.name] = list;
    const { type } = field;
    if (typeof type !== 'string') {
      list.push(this.#value(type, this.#delimited(tag, end, field)));
    } else if ((tag & 7) === LENGTH && type !== 's' && type !== 'y') {
      const packedEnd = this.#reader.lengthEnd(end);
      while (this.#reader.at < packedEnd) {
        this.#count(1);
        list.push(this.#number(type, packedEnd));
      }
    } else list.push(this.#scalar(type, tag, end, field));
  }

  /** An entry of a map is a message of a key and a value. */
  #entry(field: Field, end: number, into: JsonObject): void {
    const reader = this.#reader;
    const before = into[field.name];
    const map = isJsonObject(before) ? before : {};
    into[field.name] = map;
    const { type } = field;
    let key = '';
    let value: JsonValue = type === 's' ? '' : null;
    let seen = type === 's' || type === 'y';
    while (reader.at < end) {
      const tag = reader.tag(end);
      if (tag >>> 3 === 1) key = reader.text(this.#delimited(tag, end, field));
      else if (tag >>> 3 === 2) {
        value =
          typeof type === 'string' ? this.#scalar(type, tag, end, field) : this.#value(type, this.#delimited(tag, end, field));
        seen = true;
      } else reader.skip(tag & 7, end);
    }
    if (!seen && typeof type !== 'string') value = this.#value(type, reader.at);
    setEntry(map, key, value);
  }

  #value(message: Message, end: number): JsonValue {
    if (message.form !== 'object') return this.#own(message, end);
    const object: JsonObject = {};
    this.#message(message, end, object, '');
    return object;
  }

  /** A message that JSON shows as one value. */
  #own(message: Message, end: number): JsonValue {
    switch (message.form) {
      case 'time':
      case 'microTime':
        return this.#time(message, end);
      case 'json':
        return this.#json(message, end);
      default: {
        const fields: JsonObject = {};
        this.#message(message, end, fields, '');
        if (message.form === 'items') return fields.items ?? null;
        if (message.form === 'quantity') return fields.string ?? '0';
        return fields.type === 1 ? (fields.strVal ?? '') : (fields.intVal ?? 0);
      }
    }
  }

  #time(message: Message, end: number): JsonValue {
    if (this.#reader.at === end) return null;
    const fields: JsonObject = {};
    this.#message(message, end, fields, '');
    const time = { seconds: Number(fields.seconds ?? 0), nanos: Number(fields.nanos ?? 0) };
    const shown = showTime(time, message.form === 'microTime');
    if (shown === undefined) throw new ProtobufError('a time is out of range');
    return shown;
  }

  /** JSON within the message: the bytes of its first field. */
  #json(message: Message, end: number): JsonValue {
    const reader = this.#reader;
    let text = 'null';
    while (reader.at < end) {
      const tag = reader.tag(end);
      if (tag >>> 3 === 1) text = reader.text(delimited(reader, tag, end, message.name));
      else reader.skip(tag & 7, end);
    }
    try {
      const value = parseJson(text);
      requireBoundedDepth(value);
      return value;
    } catch (cause) {
      if (cause instanceof SyntaxError || cause instanceof PatchError)
        throw new ProtobufError(`${message.name}: ${cause.message}`);
      throw cause;
    }
  }

  #scalar(type: Scalar, tag: number, end: number, field: Field): JsonValue {
    if (type === 's') return this.#reader.text(this.#delimited(tag, end, field));
    if (type === 'y') {
      const valueEnd = this.#delimited(tag, end, field);
      const start = this.#reader.at;
      this.#reader.at = valueEnd;
      return this.#reader.bytes.toString('base64', start, valueEnd);
    }
    if ((tag & 7) !== VARINT) throw wrongWireType(tag, field.name);
    return this.#number(type, end);
  }

  #number(type: Scalar, end: number): JsonValue {
    if (type === 'b') return this.#reader.bool(end);
    return type === 'i' ? this.#reader.int32(end) : this.#reader.int64(end);
  }

  #delimited(tag: number, end: number, field: Field): number {
    return delimited(this.#reader, tag, end, field.name);
  }

  #count(values: number): void {
    this.#valuesLeft -= values;
    if (this.#valuesLeft < 0) throw new ProtobufError(`more than ${MAX_VALUES} values in one object`);
  }

  #keepUnknown(object: JsonObject, inlineIn: string, start: number, end: number): void {
    const members = this.#unknown.get(object) ?? new Map<string, Buffer[]>();
    this.#unknown.set(object, members);
    const member = unknownFieldsOf(inlineIn);
    const parts = members.get(member) ?? [];
    members.set(member, parts);
    parts.push(this.#reader.bytes.subarray(start, end));
  }
}

/** The end of a value that has to be length-delimited. */
function delimited(reader: Reader, tag: number, end: number, field: string): number {
  if ((tag & 7) !== LENGTH) throw wrongWireType(tag, field);
  return reader.lengthEnd(end);
}

function wrongWireType(tag: number, field: string): ProtobufError {
  return new ProtobufError(`proto: wrong wireType = ${tag & 7} for field ${field}`);
}

function emptyOf({ type, shape, pointer }: Field): JsonValue {
  if (shape !== 'single' || pointer) return null;
  if (type === 's') return '';
  if (type === 'b') return false;
  return type === 'i' || type === 'l' ? 0 : null;
}

function isEmpty(value: JsonValue): boolean {
  return value === '' || value === 0 || value === false;
}

/** Also where the key is `__proto__`, which plain assignment would take for the prototype. */
function setEntry(map: JsonObject, key: string, value: JsonValue): void {
  if (key === '__proto__') Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
  else map[key] = value;
}
