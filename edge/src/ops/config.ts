import { HawserError } from '@hawser/protocol';
import * as v from 'valibot';
import { type Document, parseDocument } from 'yaml';
import { environmentName, flagName, SETTINGS, type Setting, type Settings, SettingsSchema } from './settings.ts';

/** A configuration file is some lines; what is larger is another file. In characters; above it the file is refused. */
export const MAX_CONFIG_LENGTH = 256 * 1024;

/** Where values come from, the strongest last. */
export interface ConfigSources {
  /** The file that --config names. */
  readonly file?: { readonly path: string; readonly text: string } | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Values of flags by the path of the setting, as they were typed. */
  readonly flags: ReadonlyMap<string, string>;
}

export interface Config {
  readonly settings: Settings;
  /** Variables that begin with HAWSER_ and are no setting: worth a warning. */
  readonly unknownVariables: readonly string[];
}

/** A value with where it was found: "--data-dir", "HAWSER_DATA_DIR", the file's path, or "default". */
interface Candidate {
  readonly value: unknown;
  readonly source: string;
}

type Tree = Readonly<Record<string, unknown>>;

/**
 * The agent's settings: flags before environment before file before defaults.
 * @throws HawserError `bad_config` with one line for each value that is wrong, naming path, value and source
 */
export function resolveConfig(sources: ConfigSources): Config {
  const fromFile = parseFile(sources.file);
  const origins = new Map<string, string>();
  let merged: Tree = fromFile;
  for (const setting of SETTINGS) {
    const candidate = strongest(setting, sources, fromFile);
    if (candidate === undefined) {
      // So that what is missing is named by its own path and not by its section's.
      const section = setting.path.split('.').slice(0, -1);
      if (lookUp(merged, section) === undefined) merged = withValue(merged, section, {});
      continue;
    }
    origins.set(setting.path, candidate.source);
    merged = withValue(merged, setting.path.split('.'), candidate.value);
  }
  const parsed = v.safeParse(SettingsSchema, merged);
  if (!parsed.success)
    throw new HawserError('bad_config', parsed.issues.map((issue) => complaint(issue, origins, sources)).join('\n'));
  const { baseMs, capMs } = parsed.output.backoff;
  if (capMs < baseMs) throw new HawserError('bad_config', `backoff.capMs: ${capMs} is less than backoff.baseMs, ${baseMs}`);
  return { settings: parsed.output, unknownVariables: unknownVariables(sources.env) };
}

/**
 * One text setting alone, for commands that need no other: a wrong value elsewhere is no concern of theirs.
 * @throws HawserError `bad_config`
 */
export function resolveText(path: string, sources: ConfigSources): string {
  const setting = SETTINGS.find((candidate) => candidate.path === path);
  const found = setting === undefined ? undefined : strongest(setting, sources, parseFile(sources.file));
  if (typeof found?.value === 'string' && found.value !== '') return found.value;
  const source = found === undefined ? '' : ` (${found.source})`;
  throw new HawserError('bad_config', `${path}: must be a text, not ${JSON.stringify(found?.value ?? null)}${source}`);
}

function strongest(setting: Setting, sources: ConfigSources, fromFile: Tree): Candidate | undefined {
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
    case 'list':
      return text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');
    case 'text':
      return text;
  }
}

function parseFile(file: ConfigSources['file']): Tree {
  if (file === undefined) return {};
  const { path, text } = file;
  if (text.length > MAX_CONFIG_LENGTH) {
    throw new HawserError(
      'bad_config',
      `${path}: has ${text.length} characters, a configuration has at most ${MAX_CONFIG_LENGTH}`,
    );
  }
  const document = parseDocument(text, { prettyErrors: true });
  const [error] = document.errors;
  if (error !== undefined) throw new HawserError('bad_config', `${path}: is no YAML: ${error.message.trim()}`, { cause: error });
  const content = withoutNulls(plain(document, path));
  if (content === undefined) return {};
  if (!isTree(content)) throw new HawserError('bad_config', `${path}: must hold settings by name, such as "workload: hollow"`);
  return content;
}

function plain(document: Document, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (cause) {
    throw new HawserError('bad_config', `${path}: YAML aliases are not taken in a configuration`, { cause });
  }
}

/** "nodeName:" with nothing behind it reads as null and means "not set". */
function withoutNulls(value: unknown): unknown {
  if (!isTree(value)) return value ?? undefined;
  const entries = Object.entries(value).map(([name, inner]): [string, unknown] => [name, withoutNulls(inner)]);
  return Object.fromEntries(entries.filter(([, inner]) => inner !== undefined));
}

function complaint(issue: v.BaseIssue<unknown>, origins: ReadonlyMap<string, string>, { file }: ConfigSources): string {
  const path = v.getDotPath(issue) ?? '(root)';
  // An item of a list has its origin with the list.
  const source = origins.get(path) ?? origins.get(path.replace(/\.\d+$/, ''));
  if (source === undefined && issue.received === 'undefined') {
    return `${path}: is missing; set it in the file, as ${environmentName(path)} or with ${flagName(path)}`;
  }
  const value = issue.received === 'undefined' || issue.expected === 'never' ? '' : `, not ${JSON.stringify(issue.input)}`;
  return `${path}: ${issue.message}${value} (${source ?? file?.path ?? 'default'})`;
}

function lookUp(tree: Tree, path: readonly string[]): unknown {
  let at: unknown = tree;
  for (const step of path) {
    if (!isTree(at) || !Object.hasOwn(at, step)) return undefined;
    at = at[step];
  }
  return at;
}

/** A copy with that value. What stands where a section should be stays, so that the schema can complain about it. */
function withValue(tree: Tree, [step, ...rest]: readonly string[], value: unknown): Tree {
  if (step === undefined) return tree;
  if (rest.length === 0) return { ...tree, [step]: value };
  const inner = tree[step] ?? {};
  return isTree(inner) ? { ...tree, [step]: withValue(inner, rest, value) } : tree;
}

function unknownVariables(env: ConfigSources['env']): string[] {
  const known = new Set(['HAWSER_CONFIG', ...SETTINGS.map(({ path }) => environmentName(path))]);
  return Object.keys(env).filter((name) => name.startsWith('HAWSER_') && !known.has(name));
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
