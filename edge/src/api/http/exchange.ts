import { type IncomingHttpHeaders, ServerResponse } from 'node:http';
import { constants, Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';

/*
 * What the API uses of a request and its answer, whichever HTTP they came over: those of node:http and of node:http2 both fit. Where the
 * two differ in what a method does, a function below says what is meant.
 */

export interface ApiRequest extends Readable {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they were sent. */
  readonly rawHeaders: readonly string[];
  readonly socket: Socket;
}

export interface ApiResponse {
  readonly req: Pick<ApiRequest, 'headers'>;
  readonly headersSent: boolean;
  /** `end` was called. */
  readonly writableEnded: boolean;
  /** How often it was corked and not uncorked. */
  readonly writableCorked: number;
  /** Bytes that wait for the client. */
  readonly writableLength: number;
  setHeader(name: string, value: string | number | readonly string[]): unknown;
  hasHeader(name: string): boolean;
  getHeader(name: string): string | number | string[] | undefined;
  removeHeader(name: string): void;
  writeHead(status: number, headers?: Readonly<Record<string, string>>): unknown;
  write(chunk: string | Uint8Array): boolean;
  end(done?: () => void): unknown;
  end(chunk: string | Uint8Array): unknown;
  cork(): void;
  uncork(): void;
  /** `close` comes once, last, whether the client has the answer or has gone. */
  once(event: 'close' | 'finish', listener: () => void): unknown;
  on(event: 'drain', listener: () => void): unknown;
  destroy(): unknown;
}

/** Sends the headers now, ahead of what is to come. */
export function sendHead(response: ApiResponse, status: number): void {
  response.writeHead(status);
  // HTTP/2 does so by itself.
  if (response instanceof ServerResponse) response.flushHeaders();
}

/** Breaks an answer off in the middle, so that the client cannot take it for whole: of HTTP/1.1 the connection, of HTTP/2 the stream. */
export function cutOff(response: ApiResponse): void {
  // Node would reset a stream that is destroyed with NO_ERROR, which some clients take for its end.
  if (response instanceof Http2ServerResponse) response.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  else response.destroy();
}

/** Whether nobody is there any more for the answer; `close` has come then, or comes. */
export function isGone(response: ApiResponse): boolean {
  if (response instanceof Http2ServerResponse) return response.stream.destroyed || response.stream.closed;
  return 'destroyed' in response && response.destroyed === true;
}

/** The rest of the request's body will not be read. To be said before the answer is sent. */
export function readNoFurther(response: ApiResponse): void {
  if (response instanceof Http2ServerResponse) {
    // RFC 9113, section 8.1: after a whole answer this asks the client not to send the rest.
    response.stream.once('finish', () => response.stream.close(constants.NGHTTP2_NO_ERROR));
  } else {
    // The rest of it could not be told from a next request.
    response.setHeader('connection', 'close');
  }
}

/** Whether the body came to its end; asked when the stream has ended, as HTTP/2 ends it in Node also when the client breaks off. */
export function isWhole(request: ApiRequest): boolean {
  return !(request instanceof Http2ServerRequest) || !request.stream.aborted;
}

/** Every value of that header, in order; Node joins them by commas where they are to be read as one. */
export function headerValues({ rawHeaders }: ApiRequest, name: string): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}
