import type { ApiError } from '../status.ts';
import { encoded } from './compress.ts';
import { type ApiResponse, readNoFurther } from './exchange.ts';
import type { Encoding } from './negotiate.ts';

const CONTENT_TYPES: Readonly<Record<Encoding, string>> = { json: 'application/json', yaml: 'application/yaml' };

/** Sends one object. Headers that the caller has set stay. */
export async function sendObject(response: ApiResponse, status: number, encoding: Encoding, body: object): Promise<void> {
  const text = encoding === 'json' ? `${JSON.stringify(body)}\n` : await toYaml(body);
  if (!response.hasHeader('content-type')) response.setHeader('content-type', CONTENT_TYPES[encoding]);
  send(response, status, await encoded(response, Buffer.from(text)));
}

export function sendText(response: ApiResponse, status: number, text: string): void {
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.setHeader('x-content-type-options', 'nosniff');
  send(response, status, Buffer.from(text));
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

function send(response: ApiResponse, status: number, bytes: Buffer): void {
  response.setHeader('cache-control', 'no-cache, private');
  response.setHeader('content-length', bytes.length);
  response.writeHead(status);
  response.end(bytes);
}

async function toYaml(body: object): Promise<string> {
  const { stringify } = await import('yaml');
  return stringify(body, { sortMapEntries: true, aliasDuplicateObjects: false, lineWidth: 0 });
}
