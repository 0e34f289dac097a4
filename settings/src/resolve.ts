import { HawserError } from '@hawser/protocol';
import * as v from 'valibot';
import { parseSettingsFile, type SettingsFile } from './file.ts';
import {
  CONFIG_VARIABLE,
  environmentName,
  flagName,
  PROGRAM_CONFIG_VARIABLES,
  type Setting,
  VARIABLE_PREFIX,
} from './setting.ts';
import { isTree, lookUp, type Tree, withValue } from './tree.ts';

/** Where values come from: flags are stronger than variables, variables than the file. */
export interface Sources {
  /** The file that --config names. */
  readonly file?: SettingsFile | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Values of flags by the path of the setting, as they were typed. */
  readonly flags: ReadonlyMap<string, string>;
}

export interface Resolved<Settings> {
  readonly settings: Settings;
  /** Variables that begin with HAWSER_ and are no setting: worth a warning, since pods get variables of Services too. */
  readonly unknownVariables: readonly string[];
}

/** A value with where it was found: "--link-port", "HAWSER_LINK_PORT", the file's path, or "default". */
interface Candidate {
  readonly value: unknown;
  readonly source: string;
}

/**
 * The settings of a process: flags before environment before file before the table's defaults, then checked by the schema.
 * @throws HawserError `bad_config` with one line for each value that is wrong, naming path, value and source
 */
export function resolveSettings<const Schema extends v.GenericSchema>(
  schema: Schema,
  table: readonly Setting[],
  sources: Sources,
): Resolved<v.InferOutput<Schema>> {
  const fromFile = sources.file === undefined ? {} : parseSettingsFile(sources.file, table);
  const origins = new Map<string, string>();
  let merged = fromFile;
  for (const setting of table) {
    const path = setting.path.split('.');
    const candidate = strongest(setting, sources, fromFile);
    if (candidate === undefined) {
      // So that what is missing is named by its own path and not by its section's.
      const section = path.slice(0, -1);
      if (lookUp(merged, section) === undefined) merged = withValue(merged, section, {});
      continue;
    }
    origins.set(setting.path, candidate.source);
    merged = withValue(merged, path, candidate.value);
  }
  const parsed = v.safeParse(schema, merged);
  if (parsed.success) return { settings: parsed.output, unknownVariables: unknownVariables(table, sources.env) };
  const lines = parsed.issues.map((issue) => complaint(issue, origins, sources));
  throw new HawserError('bad_config', lines.join('\n'));
}

/**
 * One text setting alone, for commands that need no other: a wrong value elsewhere is no concern of theirs.
 * @throws HawserError `bad_config`
 */
export function resolveText(path: string, table: readonly Setting[], sources: Sources): string {
  const text = findText(path, table, sources);
  if (text !== undefined) return text;
  throw noText(path, undefined);
}

/** As `resolveText`, of a setting that may be left out: then undefined. */
export function findText(path: string, table: readonly Setting[], sources: Sources): string | undefined {
  const setting = table.find((candidate) => candidate.path === path);
  const fromFile = sources.file === undefined ? {} : parseSettingsFile(sources.file, table);
  const found = setting === undefined ? undefined : strongest(setting, sources, fromFile);
  if (found === undefined) return undefined;
  if (typeof found.value === 'string' && found.value !== '') return found.value;
  throw noText(path, found);
}

function noText(path: string, found: Candidate | undefined): HawserError {
  const source = found === undefined ? '' : ` (${found.source})`;
  return new HawserError('bad_config', `${path}: must be a text, not ${JSON.stringify(found?.value ?? null)}${source}`);
}

/** The effective settings as a configuration file. Paths of key files are shown, never what is in them. */
export function describeSettings(settings: object): string {
  return `${linesOf(Object.entries(settings), '').join('\n')}\n`;
}

function linesOf(entries: readonly (readonly [string, unknown])[], indent: string): string[] {
  return entries.flatMap(([name, value]) =>
    isTree(value)
      ? [`${indent}${name}:`, ...linesOf(Object.entries(value), `${indent}  `)]
      : [`${indent}${name}: ${JSON.stringify(value)}`],
  );
}

function strongest(setting: Setting, sources: Sources, fromFile: Tree): Candidate | undefined {
  const flag = sources.flags.get(setting.path);
  if (flag !== undefined) return { value: fromText(setting, flag), source: flagName(setting.path) };
  const name = environmentName(setting.path);
  const variable = sources.env[name];
  // An empty variable is how a unit file or a manifest says "not set".
  if (variable !== undefined && variable !== '') return { value: fromText(setting, variable), source: name };
  const inFile = lookUp(fromFile, setting.path.split('.'));
  if (inFile !== undefined && sources.file !== undefined) return { value: inFile, source: sources.file.path };
  return setting.fallback === undefined ? undefined : { value: setting.fallback, source: 'default' };
}

/** Text that is no value of its kind stays as it is: the schema refuses it, and the message shows what was typed. */
function fromText(setting: Setting, text: string): unknown {
  switch (setting.kind) {
    case 'number':
      return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'list':
      return text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');
    case 'text':
      return text;
  }
}

function complaint(issue: v.BaseIssue<unknown>, origins: ReadonlyMap<string, string>, { file }: Sources): string {
  const path = v.getDotPath(issue) ?? '(root)';
  // An item of a list has its origin with the list.
  const source = origins.get(path) ?? origins.get(path.replace(/\.\d+$/, ''));
  if (source === undefined && issue.received === 'undefined') {
    return `${path}: is missing; set it in the file, as ${environmentName(path)} or with ${flagName(path)}`;
  }
  const value = issue.received === 'undefined' || issue.expected === 'never' ? '' : `, not ${JSON.stringify(issue.input)}`;
  return `${path}: ${issue.message}${value} (${source ?? file?.path ?? 'default'})`;
}

function unknownVariables(table: readonly Setting[], env: Sources['env']): string[] {
  const known = new Set([CONFIG_VARIABLE, ...PROGRAM_CONFIG_VARIABLES, ...table.map(({ path }) => environmentName(path))]);
  return Object.keys(env).filter((name) => name.startsWith(VARIABLE_PREFIX) && !known.has(name));
}
