import type { Duplex } from 'node:stream';
import type { ApiBound } from './load.ts';

/** What is said to whoever sends no request that can be read, or not in time (RFC 9110, section 15.5). */
const ANSWERS: Readonly<Record<string, { readonly line: string; readonly bound: ApiBound }>> = {
  HPE_HEADER_OVERFLOW: { line: '431 Request Header Fields Too Large', bound: 'headerBytes' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { line: '413 Payload Too Large', bound: 'bodyBytes' },
  ERR_HTTP_REQUEST_TIMEOUT: { line: '408 Request Timeout', bound: 'time' },
};

/** Answers as Node's HTTP server would without a listener, and closes. @returns the bound that it was over, if it was one */
export function answerClientError(error: Error & { readonly code?: string }, socket: Duplex): ApiBound | undefined {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return undefined;
  }
  const answer = ANSWERS[error.code ?? ''];
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${answer?.line ?? '400 Bad Request'}\r\nconnection: close\r\n\r\n`);
  return answer?.bound;
}
