import { methodNotAllowed } from '../status.ts';
import type { ApiRequest, ApiResponse } from './exchange.ts';
import { whileThere } from './gone.ts';
import { sendObject } from './respond.ts';

/**
 * Answers GET on a path that Kubernetes does not have, with JSON. It is asked after the caller was authenticated and authorized.
 * @throws ApiError
 */
export type OwnPath = (request: OwnPathRequest) => Promise<object>;

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
  if (request.method !== 'GET') throw methodNotAllowed();
  const answer = await whileThere(response, (signal) => path({ query, signal }));
  if (answer !== undefined) await sendObject(response, 200, 'json', answer);
}
