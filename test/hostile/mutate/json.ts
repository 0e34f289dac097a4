import type { JsonValue } from '@hawser/protocol';
import type { Random } from '../../model/random.ts';
import { mutateBytes } from './bytes.ts';

/** Levels of a value that is nested on purpose: more than any stack holds. */
const MOST_DEPTH = 50_000;
/** Elements of a list or members of an object that are made on purpose. */
const MOST_COPIES = 20_000;

/** Values that are right where another is meant, or where none is. As JSON text, since some are no values of JavaScript. */
const ODD: readonly string[] = [
  ...['null', 'true', '0', '-0', '-1', '1e308', '1e400', '9007199254740993', '99999999999999999999999', '0.1', '""', '[]', '{}'],
  ...[
    '"\\u0000"',
    '"\\ud800"',
    '"__proto__"',
    '"../../x"',
    '"."',
    '"*"',
    '"a/b"',
    '[null]',
    '{"":""}',
    '[[]]',
    '"2026-13-99T99:99:99Z"',
  ],
  ...['{"__proto__":{"x":1}}', '{"constructor":{"prototype":1}}', '{"toString":1}', '{"length":4294967296}'],
];

const KEYS: readonly string[] = [
  ...[
    '__proto__',
    'constructor',
    'toString',
    'length',
    '',
    '$patch',
    '$retainKeys',
    '$setElementOrder/containers',
    '$deleteFromPrimitiveList/finalizers',
  ],
  ...['metadata', 'name', 'uid', 'resourceVersion', 'kind', 'apiVersion', 'spec', 'status', 'items', 'a.b', 'a/b', '\u0000'],
];

/** Stands in the text where something is put that JSON.stringify could not write. */
const MARK = '"\u0001mark\u0001"';

/** One change to a JSON text that leaves it JSON, mostly; what is none, or nests too deeply for this, is changed as bytes. */
export function mutateJson(random: Random, input: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  try {
    return changed(random, input, others);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return mutateBytes(random, input, others);
    throw error;
  }
}

function changed(random: Random, input: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  const value: JsonValue = JSON.parse(Buffer.from(input).toString('utf8'));
  const place = pick(random, value);
  const put = (text: string): Uint8Array => {
    const marked = JSON.stringify(replace(value, place, JSON.parse(MARK.replaceAll('\u0001', '\\u0001'))));
    return Buffer.from(marked.replace(MARK.replaceAll('\u0001', '\\u0001'), () => text));
  };
  const current = at(value, place);
  switch (random.integer(8)) {
    case 0:
      return put(random.pick(ODD) ?? 'null');
    case 1: {
      const depth = 1 + random.integer(random.oneIn(3) ? MOST_DEPTH : 250);
      return random.oneIn(2)
        ? put(`${'['.repeat(depth)}${']'.repeat(depth)}`)
        : put(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`);
    }
    case 2: {
      const text = JSON.stringify(current);
      const copies = 1 + random.integer(random.oneIn(4) ? Math.max(1, Math.min(MOST_COPIES, Math.floor(1e6 / text.length))) : 4);
      return put(`[${Array(copies).fill(text).join(',')}]`);
    }
    case 3: {
      const key = JSON.stringify(random.pick(KEYS) ?? '');
      return put(`{${key}:${random.pick(ODD) ?? '1'},${key}:${JSON.stringify(current)}}`);
    }
    case 4: {
      const count = random.integer(MOST_COPIES);
      return put(`{${Array.from({ length: count }, (_, index) => `"k${index}":${random.integer(10)}`).join(',')}}`);
    }
    case 5: {
      if (place.length === 0 || typeof current !== 'object' || current === null) return put(random.pick(ODD) ?? '1');
      const text = JSON.stringify(current);
      const key = JSON.stringify(random.pick(KEYS) ?? '');
      return Array.isArray(current)
        ? put(`{${key}:${text}}`)
        : put(`${text.slice(0, -1)}${text === '{}' ? '' : ','}${key}:${random.pick(ODD) ?? '1'}}`);
    }
    case 6: {
      const filler = random.pick(['a', '\\u0000', '"'.replace('"', '\\"'), '€', '\\ud83d\\ude00']) ?? 'a';
      return put(`"${filler.repeat(1 + random.integer(random.oneIn(4) ? 100_000 : 300))}"`);
    }
    default: {
      const other = random.pick(others);
      return other === undefined ? put('null') : put(Buffer.from(other).toString('utf8'));
    }
  }
}

type Place = readonly (string | number)[];

function pick(random: Random, value: JsonValue): Place {
  const place: (string | number)[] = [];
  for (let current = value; typeof current === 'object' && current !== null && !random.oneIn(5); ) {
    const keys: (string | number)[] = Array.isArray(current) ? [...current.keys()] : Object.keys(current);
    const key = random.pick(keys);
    if (key === undefined) break;
    place.push(key);
    current = (Array.isArray(current) ? current[Number(key)] : current[key]) ?? null;
  }
  return place;
}

function at(value: JsonValue, place: Place): JsonValue {
  let current = value;
  for (const key of place) {
    if (typeof current !== 'object' || current === null) return null;
    current = (Array.isArray(current) ? current[Number(key)] : current[key]) ?? null;
  }
  return current;
}

function replace(value: JsonValue, [key, ...rest]: Place, by: JsonValue): JsonValue {
  if (key === undefined || typeof value !== 'object' || value === null) return by;
  if (Array.isArray(value)) return value.with(Number(key), replace(value[Number(key)] ?? null, rest, by));
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, name === key ? replace(inner, rest, by) : inner]),
  );
}
