import type { Duplex } from 'node:stream';
import { refusalText } from './admission.ts';

/**
 * Answers what is no request, as Node's HTTP server would without a listener, and closes.
 * @returns what it was, for metrics; undefined where the connection just broke
 */
export function answerClientError(error: Error & { readonly code?: string }, socket: Duplex): 'headers' | 'request' | undefined {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return undefined;
  }
  const isTooLong = error.code === 'HPE_HEADER_OVERFLOW';
  socket.once('finish', () => socket.destroy());
  socket.end(
    refusalText({
      status: isTooLong ? 431 : 400,
      text: isTooLong ? 'the headers are too long' : 'this is no HTTP request',
      retryAfterSeconds: undefined,
    }),
  );
  return isTooLong ? 'headers' : 'request';
}
