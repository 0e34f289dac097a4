import type { JsonValue } from '@hawser/protocol';
import { badRequest, methodNotAllowed, unsupportedMediaType } from '../status.ts';
import { bodyFormat, parseBody, readBody } from './body.ts';
import type { ApiRequest, ApiResponse } from './exchange.ts';
import { whileThere } from './gone.ts';
import { sendObject } from './respond.ts';

/**
 * Answers a path that Kubernetes does not have, with JSON. It is asked after the caller was authenticated and authorized: the verb is the
 * method.
 */
export interface OwnPath {
  /** @throws ApiError */
  get(request: OwnPathRequest): Promise<object>;
  /** A body of JSON in, the new state out. Without it there is no PUT. @throws ApiError */
  put?(request: OwnPathRequest & { readonly body: JsonValue }): Promise<object>;
}

export interface OwnPathRequest {
  readonly query: URLSearchParams;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
}

export async function answerOwnPath(
  path: OwnPath,
  request: ApiRequest,
  response: ApiResponse,
  query: URLSearchParams,
): Promise<void> {
  const answering = await answererOf(path, request);
  const answer = await whileThere(response, (signal) => answering({ query, signal }));
  if (answer !== undefined) await sendObject(response, 200, 'json', answer);
}

/** What reads no body says nothing of what is wrong in it. @throws ApiError 405, 413, 415, 400 */
async function answererOf(path: OwnPath, request: ApiRequest): Promise<(request: OwnPathRequest) => Promise<object>> {
  if (request.method === 'GET') return path.get;
  const { put } = path;
  if (request.method !== 'PUT' || put === undefined) throw methodNotAllowed();
  if (bodyFormat(request.headers['content-type']) !== 'json') throw unsupportedMediaType('the body must be application/json');
  const body = await parseBody(await readBody(request), 'json', (why) => badRequest(`the body is no JSON: ${why}`));
  return (asked) => put({ ...asked, body });
}
