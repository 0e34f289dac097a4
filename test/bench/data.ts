import { characters, pick, type Random, wholeBelow } from './random.ts';

/**
 * Data of ConfigMaps as benchmarks use it: settings in lines, of keys, hosts, numbers and hex. `gzip -9` brings it to 45 to 60 %,
 * whatever its size, which is where configuration of real programs lies; repeated words would make every figure look better.
 */
export type ConfigData = Readonly<Record<string, string>>;

const SYLLABLES = [
  'ba',
  'con',
  'der',
  'fi',
  'gra',
  'hol',
  'in',
  'ju',
  'ka',
  'lim',
  'mo',
  'net',
  'or',
  'pro',
  'qua',
  'ra',
  'sto',
].concat(['ti', 'up', 'vel', 'wi', 'xen', 'yar', 'zo', 'pol', 'max', 'ser', 'tra', 'dis', 'log', 'ex', 'sub']);
const DOMAINS = ['example.com', 'example.net', 'example.org', 'svc.cluster.local'];
const HEX = '0123456789abcdef';
const DIGITS = '0123456789';
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** Lines of one value. Some hundred bytes, as files of settings have. */
const LINES_PER_VALUE = 8;
/** What a change replaces. */
export const CHANGED_CHARACTERS = 40;

/** @param bytes of keys and values together: met to within one line */
export function configData(random: Random, bytes: number): ConfigData {
  const data: Record<string, string> = {};
  let size = 0;
  while (size < bytes) {
    const section = word(random);
    const name = `${section}.conf`;
    if (name in data) continue;
    const lines: string[] = [];
    size += name.length;
    while (lines.length < LINES_PER_VALUE && (size < bytes || lines.length === 0)) {
      const text = line(random, section);
      lines.push(text);
      size += text.length + 1;
    }
    data[name] = `${lines.join('\n')}\n`;
  }
  return data;
}

/** What one change of a ConfigMap writes: one value, in which 40 characters in a row are replaced by random ones. */
export interface ConfigChange {
  readonly key: string;
  readonly value: string;
}

/** @throws when no value has 40 characters */
export function changedValue(random: Random, data: ConfigData): ConfigChange {
  const long = Object.entries(data).filter(([, value]) => value.length >= CHANGED_CHARACTERS);
  const [key, value] = pick(random, long);
  const at = wholeBelow(random, value.length - CHANGED_CHARACTERS + 1);
  const replaced = characters(random, LETTERS, CHANGED_CHARACTERS);
  return { key, value: `${value.slice(0, at)}${replaced}${value.slice(at + CHANGED_CHARACTERS)}` };
}

/** All keys of a value begin with the name of its section, as they do in real files. */
function line(random: Random, section: string): string {
  const key = `${section}.${word(random)}`;
  switch (wholeBelow(random, 5)) {
    case 0:
      return `${key} = ${section}-${characters(random, DIGITS, 3)}.${pick(random, DOMAINS)}:${1024 + wholeBelow(random, 60_000)}`;
    case 1:
      return `${key} = ${characters(random, DIGITS, 6 + wholeBelow(random, 7))}`;
    default:
      return `${key} = ${characters(random, HEX, pick(random, [40, 64]))}`;
  }
}

function word(random: Random): string {
  return pick(random, SYLLABLES) + pick(random, SYLLABLES) + pick(random, SYLLABLES);
}
