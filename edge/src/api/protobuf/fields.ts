import { LENGTH, VARINT } from './reader.ts';
import { FIELD_TABLE } from './table.ts';

/** Letters of the table: string, int32, int64, bool, bytes. */
export type Scalar = 's' | 'i' | 'l' | 'b' | 'y';

/** One field of a message, as the table has it; see there for the marks. */
export interface Field {
  /** In JSON. */
  readonly name: string;
  readonly number: number;
  /** A letter for a scalar, else the message. Of a map: the type of its values. */
  readonly type: Scalar | Message;
  readonly shape: 'single' | 'list' | 'map';
  readonly inline: boolean;
  /** Absent from the bytes when it is not set; other singles are always written by Go. */
  readonly pointer: boolean;
  /** JSON shows it when it is empty. */
  readonly shown: boolean;
  /** Its number and wire type, as they stand before each value. */
  readonly tag: number;
  /** What Go writes of it where JSON has nothing: nothing, its tag and a zero, or an empty message, whose fields may be written all the same. */
  readonly absent: 'nothing' | 'zero' | 'message';
}

/**
 * How a message stands in JSON:
 * `object` by its fields, `items` as the list that is its only field, all others as one value of their own.
 */
export type Form = 'object' | 'items' | 'time' | 'microTime' | 'quantity' | 'intOrString' | 'json';

export interface Message {
  readonly name: string;
  readonly form: Form;
  /** By number; read from the table when they are first needed. */
  readonly fields: readonly Field[];
  /** Those with the mark of being shown. */
  readonly shown: readonly Field[];
  field(number: number): Field | undefined;
}

const FORMS: ReadonlyMap<string, Form> = new Map([
  ['meta.v1.Time', 'time'],
  ['meta.v1.MicroTime', 'microTime'],
  ['meta.v1.FieldsV1', 'json'],
  ['resource.Quantity', 'quantity'],
  ['intstr.IntOrString', 'intOrString'],
  ['meta.v1.Verbs', 'items'],
  ['authentication.v1.ExtraValue', 'items'],
  ['authorization.v1.ExtraValue', 'items'],
  ['certificates.v1.ExtraValue', 'items'],
]);

const FIELD = /^(\w+)=(\d+)([*[{^!]*)([\w.]+)$/;

/** A line of the table, of which most processes need a few only: its fields are made at the first use. */
class TableMessage implements Message {
  readonly name: string;
  readonly form: Form;
  readonly #text: string;
  #fields: readonly Field[] | undefined;
  #shown: readonly Field[] | undefined;
  /** By number, which are small. */
  #byNumber: (Field | undefined)[] | undefined;

  constructor(line: string) {
    const blank = line.indexOf(' ');
    this.name = blank < 0 ? line : line.slice(0, blank);
    this.#text = blank < 0 ? '' : line.slice(blank + 1);
    this.form = FORMS.get(this.name) ?? 'object';
  }

  get fields(): readonly Field[] {
    this.#fields ??= this.#text === '' ? [] : this.#text.split(' ').map((text) => this.#parse(text));
    return this.#fields;
  }

  get shown(): readonly Field[] {
    this.#shown ??= this.fields.filter((field) => field.shown);
    return this.#shown;
  }

  field(number: number): Field | undefined {
    if (this.#byNumber === undefined) {
      this.#byNumber = [];
      for (const field of this.fields) this.#byNumber[field.number] = field;
    }
    return this.#byNumber[number];
  }

  #parse(text: string): Field {
    const [, name = '', digits = '', marks = '', type = ''] = FIELD.exec(text) ?? [];
    const number = Number(digits);
    const shape = marks.includes('[') ? 'list' : marks.includes('{') ? 'map' : 'single';
    const pointer = marks.includes('*') || type === 'y';
    const isVarint = shape !== 'map' && isScalar(type) && type !== 's' && type !== 'y';
    return {
      ...{ name, number, shape, pointer },
      type: isScalar(type) ? type : this.#message(type),
      inline: marks.includes('^'),
      shown: marks.includes('!'),
      tag: number * 8 + (isVarint ? VARINT : LENGTH),
      absent: pointer || shape !== 'single' ? 'nothing' : isScalar(type) ? 'zero' : 'message',
    };
  }

  #message(type: string): Message {
    const name = type.includes('.') ? type : `${this.name.slice(0, this.name.lastIndexOf('.'))}.${type}`;
    const message = messageNamed(name);
    if (message === undefined) throw new Error(`the field table lacks ${name}, which ${this.name} names`);
    return message;
  }
}

function isScalar(type: string): type is Scalar {
  return type.length === 1;
}

let messages: Map<string, TableMessage> | undefined;

/** The message of that name (`core.v1.Pod`), or undefined where the table has none. */
export function messageNamed(name: string): Message | undefined {
  messages ??= new Map(
    FIELD_TABLE.trim()
      .split('\n')
      .map((line) => new TableMessage(line))
      .map((message) => [message.name, message]),
  );
  return messages.get(name);
}

/** Kinds of the machinery, which come with the version of whatever group they are about, or with none. */
const META_KINDS: ReadonlySet<string> = new Set([
  'Status',
  'DeleteOptions',
  'APIVersions',
  'APIGroup',
  'APIGroupList',
  'APIResourceList',
]);

/** The message of an object of that apiVersion and kind, or undefined where the table has none. */
export function messageOfKind(apiVersion: string, kind: string): Message | undefined {
  if (META_KINDS.has(kind)) return messageNamed(`meta.v1.${kind}`);
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? 'core' : (apiVersion.slice(0, slash).split('.', 1)[0] ?? '');
  return messageNamed(`${group}.${apiVersion.slice(slash + 1)}.${kind}`);
}
