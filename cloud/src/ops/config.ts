import { HawserError } from '@hawser/protocol';
import * as v from 'valibot';
import { type Document, parseDocument } from 'yaml';
import { environmentName, flagName, SETTINGS, type Setting, type Settings, SettingsSchema } from './settings.ts';

/** A configuration file is some lines; what is larger is another file. In characters; above it the file is refused. */
const MAX_FILE_LENGTH = 256 * 1024;

/** Where values come from, the strongest last. */
export interface ConfigSources {
  /** The file that --config names. */
  readonly file?: { readonly path: string; readonly text: string };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Values of flags by the path of the setting, as they were typed. */
  readonly flags: ReadonlyMap<string, string>;
}

export interface Config {
  readonly settings: Settings;
  /** Variables that begin with HAWSER_ and are no setting: worth a warning, since pods get variables of Services too. */
  readonly unknownVariables: readonly string[];
}

interface Candidate {
  readonly value: unknown;
  /** "--link-port", "HAWSER_LINK_PORT", the file's path, or "default". */
  readonly source: string;
}

/**
 * The relay's settings: flags before environment before file before defaults.
 * @throws HawserError `bad_config` with one line for each value that is wrong, naming path, value and source
 */
export function resolveConfig(sources: ConfigSources): Config {
  const fromFile = sources.file === undefined ? {} : parseFile(sources.file.path, sources.file.text);
  const origins = new Map<string, string>();
  const raw: Record<string, unknown> = structuredClone(fromFile);
  for (const setting of SETTINGS) {
    const candidate = strongest(setting, sources, fromFile);
    if (candidate === undefined) continue;
    origins.set(setting.path, candidate.source);
    place(raw, setting.path.split('.'), candidate.value);
  }
  const parsed = v.safeParse(SettingsSchema, raw);
  if (parsed.success) return { settings: parsed.output, unknownVariables: unknownVariables(sources.env) };
  const lines = parsed.issues.map((issue) => complaint(issue, origins, sources.file?.path));
  throw new HawserError('bad_config', lines.join('\n'));
}

/** The effective settings as a configuration file. Paths of key files are shown, never what is in them. */
export function describeSettings(settings: Settings): string {
  const lines: string[] = [];
  for (const [name, value] of Object.entries(settings)) {
    if (typeof value !== 'object') lines.push(`${name}: ${JSON.stringify(value)}`);
    else {
      lines.push(`${name}:`);
      for (const [inner, innerValue] of Object.entries(value)) lines.push(`  ${inner}: ${JSON.stringify(innerValue)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function strongest(setting: Setting, sources: ConfigSources, file: Record<string, unknown>): Candidate | undefined {
  const flag = sources.flags.get(setting.path);
  if (flag !== undefined) return { value: fromText(setting, flag), source: flagName(setting.path) };
  const name = environmentName(setting.path);
  const variable = sources.env[name];
  // An empty variable is how a manifest says "not set".
  if (variable !== undefined && variable !== '') return { value: fromText(setting, variable), source: name };
  const inFile = lookUp(file, setting.path.split('.'));
  if (inFile !== undefined && sources.file !== undefined) return { value: inFile, source: sources.file.path };
  return setting.fallback === undefined ? undefined : { value: setting.fallback, source: 'default' };
}

/** Text that is no value of its kind is left as it is: the schema refuses it, and the message shows what was typed. */
function fromText(setting: Setting, text: string): unknown {
  if (setting.kind === 'number') return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
  if (setting.kind === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  return text;
}

function parseFile(path: string, text: string): Record<string, unknown> {
  if (text.length > MAX_FILE_LENGTH) {
    throw new HawserError('bad_config', `${path}: has ${text.length} characters, a configuration has at most ${MAX_FILE_LENGTH}`);
  }
  const document = parseDocument(text, { prettyErrors: true });
  const error = document.errors[0];
  if (error !== undefined) throw new HawserError('bad_config', `${path}: is no YAML: ${error.message.trim()}`, { cause: error });
  const content = withoutNulls(plain(document, path), path);
  if (content === undefined) return {};
  if (!isRecord(content)) throw new HawserError('bad_config', `${path}: must hold settings by name, such as "labelNodes: true"`);
  return content;
}

function plain(document: Document, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (cause) {
    throw new HawserError('bad_config', `${path}: YAML aliases are not taken in a configuration`, { cause });
  }
}

/** "kubeconfig:" with nothing behind it reads as null and means "not set". No setting is a list. */
function withoutNulls(value: unknown, path: string): unknown {
  if (Array.isArray(value)) throw new HawserError('bad_config', `${path}: holds a list, and no setting is one`);
  if (!isRecord(value)) return value ?? undefined;
  const entries = Object.entries(value).map(([name, inner]): [string, unknown] => [name, withoutNulls(inner, path)]);
  return Object.fromEntries(entries.filter(([, inner]) => inner !== undefined));
}

function complaint(issue: v.BaseIssue<unknown>, origins: ReadonlyMap<string, string>, file: string | undefined): string {
  const path = v.getDotPath(issue) ?? '(root)';
  const source = origins.get(path);
  if (source === undefined && issue.received === 'undefined') {
    return `${path}: is missing; set it in the file, as ${environmentName(path)} or with ${flagName(path)}`;
  }
  const value = issue.received === 'undefined' || issue.expected === 'never' ? '' : `, not ${JSON.stringify(issue.input)}`;
  return `${path}: ${issue.message}${value} (${source ?? file ?? 'default'})`;
}

function lookUp(tree: Record<string, unknown>, path: readonly string[]): unknown {
  let at: unknown = tree;
  for (const step of path) {
    if (!isRecord(at)) return undefined;
    at = Object.hasOwn(at, step) ? at[step] : undefined;
  }
  return at;
}

/** Sections that are something else than a section stay, so that the schema can complain about them. */
function place(tree: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [step, ...rest] = path;
  if (step === undefined) return;
  if (rest.length === 0) {
    tree[step] = value;
    return;
  }
  const inner = tree[step] ?? {};
  tree[step] = inner;
  if (isRecord(inner)) place(inner, rest, value);
}

function unknownVariables(env: ConfigSources['env']): string[] {
  const known = new Set(['HAWSER_CONFIG', ...SETTINGS.map(({ path }) => environmentName(path))]);
  return Object.keys(env).filter((name) => name.startsWith('HAWSER_') && !known.has(name));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
