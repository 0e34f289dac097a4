import { type JsonValue, PatchError, parseJson, requireBoundedDepth } from '@hawser/protocol';
import { badRequest, requestTooLarge, unsupportedMediaType } from '../status.ts';
import { type ApiRequest, isWhole } from './exchange.ts';
import { jsonProblem } from './json-syntax.ts';
import { parseMediaRanges } from './negotiate.ts';

/** Largest request body, in bytes: the API server's own limit. A larger one is answered 413 and the connection closed. */
export const MAX_REQUEST_BYTES = 3 * 1024 * 1024;

/** @throws ApiError 413, or 400 when the client breaks off */
export async function readBody(request: ApiRequest): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_REQUEST_BYTES) throw requestTooLarge(MAX_REQUEST_BYTES);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // Left early it stays as it is: to destroy it would be to break off the answer.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      const bytes: Buffer = chunk;
      size += bytes.length;
      if (size > MAX_REQUEST_BYTES) break;
      chunks.push(bytes);
    }
  } catch (cause) {
    throw badRequest('the body of the request broke off', { cause });
  }
  if (size > MAX_REQUEST_BYTES) throw requestTooLarge(MAX_REQUEST_BYTES);
  if (!isWhole(request)) throw badRequest('the body of the request broke off');
  return Buffer.concat(chunks, size);
}

export type BodyFormat = 'json' | 'yaml' | 'protobuf';

/** The format that the Content-Type names; none counts as JSON. @throws ApiError 415 */
export function bodyFormat(contentType: string | undefined): BodyFormat {
  if (contentType === undefined || contentType.trim() === '') return 'json';
  const type = parseMediaRanges(contentType)[0]?.type;
  if (type === 'application/json') return 'json';
  if (type === 'application/yaml') return 'yaml';
  if (type === 'application/vnd.kubernetes.protobuf') return 'protobuf';
  throw unsupportedMediaType(
    'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, ' +
      'application/vnd.kubernetes.protobuf',
  );
}

/**
 * A body of text as JSON value. `problem` makes the refusal from what is wrong with the text.
 * @throws ApiError as `problem` says
 */
export async function parseBody(body: Buffer, format: 'json' | 'yaml', problem: (why: string) => Error): Promise<JsonValue> {
  const text = body.toString('utf8');
  const value = format === 'json' ? parseJsonBody(text, problem) : await parseYaml(text, problem);
  try {
    requireBoundedDepth(value);
  } catch (cause) {
    if (cause instanceof PatchError) throw problem('exceeded max depth');
    throw cause;
  }
  return value;
}

function parseJsonBody(text: string, problem: (why: string) => Error): JsonValue {
  try {
    return parseJson(text);
  } catch (cause) {
    throw problem(jsonProblem(text) ?? (cause instanceof Error ? cause.message : 'invalid JSON'));
  }
}

/** Aliases that a YAML body may expand to; a handful is usual, thousands are an attack. */
const MAX_YAML_ALIASES = 100;
/** Of a YAML body: a Node with 50 images has some 3,000. What is larger can be sent as JSON. */
const MAX_YAML_TOKENS = 16_384;

async function parseYaml(text: string, problem: (why: string) => Error): Promise<JsonValue> {
  // Loaded when first needed: agents rarely see YAML, and the parser costs memory.
  const { parseYaml: parse } = await import('@hawser/settings');
  try {
    return JSON.parse(JSON.stringify(parse(text, { aliases: MAX_YAML_ALIASES, tokens: MAX_YAML_TOKENS }) ?? null));
  } catch (cause) {
    throw problem(`yaml: ${cause instanceof Error ? cause.message : 'invalid YAML'}`);
  }
}

/** How much of a body is repeated in a refusal, in bytes. */
const MAX_SUMMARY_BYTES = 30;

/** What the API server shows of a body that it cannot read. */
export function summarize(body: Buffer): string {
  if (body.length === 0) return '<empty>';
  const encoding = body[0] === 0x7b ? 'utf8' : 'hex';
  return `${body.subarray(0, MAX_SUMMARY_BYTES).toString(encoding)}${body.length > MAX_SUMMARY_BYTES ? ' ...' : ''}`;
}
