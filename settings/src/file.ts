import { closeSync, openSync, readSync } from 'node:fs';
import { HawserError } from '@hawser/protocol';
import type { Setting } from './setting.ts';
import { isTree, type Tree } from './tree.ts';
import { parseYaml, YamlError } from './yaml.ts';

/** A configuration file, not yet read as YAML. */
export interface SettingsFile {
  readonly path: string;
  readonly text: string;
}

/** A configuration is some lines; what is larger is another file. In bytes when read, in characters after; above it it is refused. */
const MAX_SIZE = 256 * 1024;

const WHY_NOT: Readonly<Record<string, string>> = {
  ENOENT: 'is not there',
  EACCES: 'may not be read by this user: give the command with sudo, or let the user read it',
};

/**
 * Reads the configuration, no further than its bound; pipes are taken too.
 * @param namedBy the flag or variable that names the file, for the message
 * @throws HawserError `bad_config`
 */
export function readSettingsFile(path: string, namedBy = '--config'): SettingsFile {
  const bytes = Buffer.allocUnsafe(MAX_SIZE + 1);
  let length = 0;
  try {
    const file = openSync(path, 'r');
    try {
      for (let read = -1; read !== 0 && length < bytes.length; length += read) {
        read = readSync(file, bytes, length, bytes.length - length, null);
      }
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const why = WHY_NOT[String(code)] ?? `cannot be read (${String(code)})`;
    throw new HawserError('bad_config', `${namedBy}: the file ${path} ${why}`, { cause });
  }
  if (length > MAX_SIZE) throw new HawserError('bad_config', `${path}: has more than the ${MAX_SIZE} bytes of a configuration`);
  return { path, text: bytes.toString('utf8', 0, length) };
}

/**
 * As `readSettingsFile`, of a file that nobody has named. @returns undefined where there is none
 * @throws HawserError `bad_config` for one that is there and cannot be read: settings that hold must not be passed over
 */
export function findSettingsFile(path: string): SettingsFile | undefined {
  try {
    return readSettingsFile(path, 'the configuration');
  } catch (error) {
    if (error instanceof HawserError && isMissing(error.cause)) return undefined;
    throw error;
  }
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
}

/**
 * The file's settings by name. "nodeName:" with nothing behind it means "not set" and is left out.
 * @param table for the example in a message
 * @throws HawserError `bad_config` for what is no YAML, no mapping, too long, or uses aliases
 */
export function parseSettingsFile({ path, text }: SettingsFile, table: readonly Setting[]): Tree {
  if (text.length > MAX_SIZE) {
    throw new HawserError('bad_config', `${path}: has ${text.length} characters, a configuration has at most ${MAX_SIZE}`);
  }
  const content = withoutNulls(plain(text, path));
  if (content === undefined) return {};
  if (!isTree(content)) throw new HawserError('bad_config', `${path}: must hold settings by name${example(table)}`);
  return content;
}

function plain(text: string, path: string): unknown {
  try {
    return parseYaml(text);
  } catch (cause) {
    if (!(cause instanceof YamlError)) throw cause;
    if (cause.why === 'aliases') {
      throw new HawserError('bad_config', `${path}: YAML aliases are not taken in a configuration`, { cause });
    }
    throw new HawserError('bad_config', `${path}: is no YAML: ${cause.message}`, { cause });
  }
}

function withoutNulls(value: unknown): unknown {
  if (!isTree(value)) return value ?? undefined;
  const entries = Object.entries(value).map(([name, inner]): [string, unknown] => [name, withoutNulls(inner)]);
  return Object.fromEntries(entries.filter(([, inner]) => inner !== undefined));
}

function example(table: readonly Setting[]): string {
  const found = table.find(({ path, fallback }) => fallback !== undefined && !path.includes('.'));
  return found === undefined ? '' : `, such as "${found.path}: ${found.fallback}"`;
}
