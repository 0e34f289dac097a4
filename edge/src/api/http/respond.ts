import type { ApiError } from '../status.ts';
import { encoded, lengthOf } from './compress.ts';
import { type ApiResponse, readNoFurther } from './exchange.ts';
import { type Encoding, type Negotiated, PROTOBUF_TYPE } from './negotiate.ts';
import { toYaml } from './yaml.ts';

const CONTENT_TYPES: Readonly<Record<Encoding, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: PROTOBUF_TYPE,
};

/** How an object is to be sent: as that, or as what was negotiated with its client. */
export type How = Encoding | Pick<Negotiated, 'encoding' | 'instead'>;

/** Sends one object. Headers that the caller has set stay. */
export async function sendObject(response: ApiResponse, status: number, how: How, body: object): Promise<void> {
  const { encoding, content } = await encode(typeof how === 'string' ? { encoding: how } : how, body);
  if (!response.hasHeader('content-type')) response.setHeader('content-type', CONTENT_TYPES[encoding]);
  send(response, status, await encoded(response, [content]));
}

/** The same for JSON that is there already. */
export async function sendJson(response: ApiResponse, parts: readonly Uint8Array[]): Promise<void> {
  response.setHeader('content-type', CONTENT_TYPES.json);
  send(response, 200, await encoded(response, parts));
}

async function encode(
  { encoding, instead }: Exclude<How, string>,
  body: object,
): Promise<{ encoding: Encoding; content: Buffer }> {
  if (encoding === 'json') return { encoding, content: Buffer.from(`${JSON.stringify(body)}\n`) };
  if (encoding === 'yaml') return { encoding, content: Buffer.from(await toYaml(body)) };
  const { encodeObject } = await import('../protobuf/index.ts');
  const made = encodeObject(body);
  // Where they cannot say all of it, the text can if the client takes that. What no table has is told in JSON rather than not at all.
  if (made?.complete === true || (made !== undefined && instead === undefined)) return { encoding, content: made.bytes };
  return encode({ encoding: instead ?? 'json' }, body);
}

export function sendText(response: ApiResponse, status: number, text: string): void {
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.setHeader('x-content-type-options', 'nosniff');
  send(response, status, [Buffer.from(text)]);
}

/** The path of an unknown group, and everything else that is not even the beginning of an API path. */
export function sendPageNotFound(response: ApiResponse): void {
  sendText(response, 404, '404 page not found\n');
}

export async function sendError(response: ApiResponse, error: ApiError, encoding: Encoding): Promise<void> {
  if (error.details?.retryAfterSeconds !== undefined) {
    response.setHeader('retry-after', String(error.details.retryAfterSeconds));
  }
  if (error.code === 403) response.setHeader('x-content-type-options', 'nosniff');
  if (error.code === 413) readNoFurther(response);
  response.removeHeader('content-type');
  await sendObject(response, error.code, encoding, error.toStatus());
}

/** What clients show to people beside the answer, whichever it is: RFC 7234, section 5.5, as Kubernetes writes it: code 299, no agent, a quoted text. */
export function addWarning(response: ApiResponse, text: string): void {
  const before = response.getHeader('warning');
  const earlier = Array.isArray(before) ? before : before === undefined ? [] : [String(before)];
  response.setHeader('warning', [...earlier, `299 - "${text.replaceAll(/["\\]/g, '\\$&')}"`]);
}

function send(response: ApiResponse, status: number, parts: readonly Uint8Array[]): void {
  response.setHeader('cache-control', 'no-cache, private');
  response.setHeader('content-length', lengthOf(parts));
  response.writeHead(status);
  // In one piece for the connection, and not copied for that.
  response.cork();
  for (const part of parts) response.write(part);
  response.uncork();
  response.end();
}
