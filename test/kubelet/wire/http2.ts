import { type ClientHttp2Session, connect, constants } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Endpoint, Opened, Outgoing, Transport } from './transport.ts';

/** As in client-go: a connection that has been silent for so long is asked whether it lives, and has so long to answer. Milliseconds. */
const PING_AFTER_MS = 30_000;
const PING_TIMEOUT_MS = 15_000;

/** All requests over one connection, as client-go does it. */
export function http2Transport({ url }: Endpoint, socket: TLSSocket): Transport {
  const session = connect(url, { createConnection: () => socket });
  let isOver = false;
  const end = () => {
    isOver = true;
  };
  session.once('close', end).once('goaway', end).on('error', end);
  pingWhenSilent(session, socket);
  return {
    version: 'h2',
    open: (outgoing) => open(session, outgoing),
    isOver: () => isOver || session.closed || session.destroyed,
    close: () => session.destroy(),
  };
}

function open(session: ClientHttp2Session, { method, path, headers, body, signal }: Outgoing): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const head = { ':method': method, ':path': path, ...headers };
    const length = body === undefined ? {} : { 'content-length': String(body.byteLength) };
    const stream = session.request({ ...head, ...length }, { endStream: body === undefined, signal });
    stream.once('error', reject);
    // A stream that was reset without an error code ends without a word.
    stream.once('close', () => reject(new Error(`${method} ${path}: the stream was closed (code ${stream.rstCode})`)));
    stream.once('response', (answer) => {
      const pairs = Object.entries(answer).map(([name, value]) => [name, String(value)]);
      resolve({ status: Number(answer[constants.HTTP2_HEADER_STATUS]), headers: Object.fromEntries(pairs), body: stream });
    });
    if (body !== undefined) stream.end(body);
  });
}

/** A connection whose other end has gone without a word would hold all watches for ever. */
function pingWhenSilent(session: ClientHttp2Session, socket: TLSSocket): void {
  let read = 0;
  const timer = setInterval(() => {
    const isSilent = socket.bytesRead === read;
    read = socket.bytesRead;
    if (!isSilent || session.destroyed) return;
    const overdue = setTimeout(() => session.destroy(new Error('a ping was not answered')), PING_TIMEOUT_MS);
    session.ping(() => clearTimeout(overdue));
  }, PING_AFTER_MS);
  timer.unref();
  session.once('close', () => clearInterval(timer));
}
