import { hash } from 'node:crypto';
import { HawserError } from './errors.ts';
import { parseJson } from './json.ts';
import type { KubeObject } from './kubernetes/object.ts';
import { isResourceVersion, type Version } from './version.ts';

/** Kubernetes objects nest some 20 deep; more than this is an attack on the stack and is refused. */
const MAX_DEPTH = 100;

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * The one text that stands for an object on both sides of the link: apiVersion and kind set; `metadata.managedFields`,
 * `metadata.resourceVersion` and the last-applied annotation removed; keys sorted by UTF-16 code unit; no white space;
 * unknown fields kept; numbers written as the API server wrote them. The resourceVersion travels beside the body (in
 * `version`), so that a write that changes nothing else changes no body.
 */
export interface CanonicalObject {
  readonly body: string;
  readonly version: Version;
  /** The parsed object as it came, numbers as JavaScript has them: for reading, never for sending on. */
  readonly object: KubeObject;
}

/** Fills in what the items of a list leave out. */
export interface TypeMeta {
  readonly apiVersion: string;
  readonly kind: string;
}

/**
 * @param text one object as JSON
 * @throws HawserError `malformed_object`: no JSON, no object, or without kind, name, uid or a decimal resourceVersion
 */
export function canonicalize(text: string, type?: TypeMeta): CanonicalObject {
  const parsed = parse(text);
  const object = requireObject(parsed, type);
  const { uid, resourceVersion } = object.metadata;
  if (typeof uid !== 'string' || uid === '') throw malformed(object, 'has no metadata.uid');
  if (!isResourceVersion(resourceVersion)) throw malformed(object, 'has no decimal metadata.resourceVersion');
  const body = canonicalBody(text, object);
  return { body, version: { uid, resourceVersion, hash: bodyHash(body) }, object };
}

/** First 8 bytes of the SHA-256 of a canonical body, as 16 hex digits. */
export function bodyHash(body: string): string {
  return hash('sha256', body, 'hex').slice(0, 16);
}

/** Parses a canonical body and gives it a resourceVersion again. @throws HawserError `malformed_object`, also when nested too deep */
export function parseCanonical(body: string, resourceVersion: string): KubeObject {
  const parsed = parse(body);
  requireBoundedDepth(parsed);
  const object = requireObject(parsed, undefined);
  object.metadata.resourceVersion = resourceVersion;
  return object;
}

function canonicalBody(text: string, object: KubeObject): string {
  const exact = LOSSY_NUMBER.test(text) ? requireObject(parseExact(text), object) : object;
  const { managedFields: _m, resourceVersion: _r, annotations, ...metadata } = exact.metadata;
  const kept = Object.entries(annotations ?? {}).filter(([name]) => name !== LAST_APPLIED);
  const cleaned = kept.length === 0 ? metadata : { ...metadata, annotations: Object.fromEntries(kept) };
  return write({ ...exact, metadata: cleaned }, 0);
}

/** A number that does not come back as it was from JSON.parse and JSON.stringify; may hit text in strings too, which only costs time. */
const LOSSY_NUMBER = /(?:"\s*:|[[,])\s*(?:-?\d{16,}|-?\d+[.eE]|-0)/;

interface RawJson {
  readonly rawJSON: string;
}
/** JSON.parse source text access (ECMAScript proposal at stage 4, in Node 24), which TypeScript's library does not describe yet. */
interface ExactJson {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(text: string): RawJson;
  isRawJSON(value: unknown): value is RawJson;
}
const exactJson: ExactJson = JSON as typeof JSON & ExactJson;

function parseExact(text: string): unknown {
  return exactJson.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && source !== String(value) ? exactJson.rawJSON(source) : value,
  );
}

function write(value: unknown, depth: number): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (exactJson.isRawJSON(value)) return value.rawJSON;
  if (depth >= MAX_DEPTH) throw tooDeep();
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depth + 1)).join(',')}]`;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${write(field, depth + 1)}`).join(',')}}`;
}

function requireBoundedDepth(value: unknown): void {
  // Level by level: a list in place of the call stack that is to be protected.
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw tooDeep();
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
}

function tooDeep(): HawserError {
  return new HawserError('malformed_object', `object is nested deeper than ${MAX_DEPTH} levels`);
}

function parse(text: string): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    throw new HawserError('malformed_object', `object is no JSON (${text.length} characters)`, { cause });
  }
}

function requireObject(value: unknown, type: TypeMeta | undefined): KubeObject {
  if (!isRecord(value)) throw new HawserError('malformed_object', 'object is no JSON object');
  const apiVersion = value.apiVersion ?? type?.apiVersion;
  const kind = value.kind ?? type?.kind;
  const metadata = value.metadata;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') {
    throw new HawserError('malformed_object', 'object has no apiVersion and kind');
  }
  if (!isRecord(metadata) || typeof metadata.name !== 'string' || metadata.name === '') {
    throw new HawserError('malformed_object', `object of kind ${kind} has no metadata.name`);
  }
  return { ...value, apiVersion, kind, metadata };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function malformed(object: KubeObject, what: string): HawserError {
  const { namespace, name } = object.metadata;
  // Only what is text goes into a text: what nests deeply cannot be made one.
  const where = typeof namespace === 'string' && namespace !== '' ? `${namespace}/` : '';
  return new HawserError('malformed_object', `${object.kind} ${where}${name} ${what}`);
}
