import type { Readable } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { http1Transport } from './http1.ts';
import { http2Transport } from './http2.ts';

/** Where the API is, and by whom it may be. */
export interface Endpoint {
  /** `https://127.0.0.1:6444` */
  readonly url: string;
  /** PEM of the authorities that the server's certificate may come from. */
  readonly ca: string;
}

export interface Outgoing {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
  readonly signal: AbortSignal;
}

/** The head of an answer; the body is read by the caller, or destroyed. */
export interface Opened {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readable;
}

export type HttpVersion = 'h2' | 'http/1.1';

/** Carries requests over one version of HTTP. */
export interface Transport {
  readonly version: HttpVersion;
  /** @throws when there is no connection, or the signal comes */
  open(outgoing: Outgoing): Promise<Opened>;
  /** Whether a connection is to be made anew, and the version with it asked for again. */
  isOver(): boolean;
  /** Cuts all connections. */
  close(): void;
}

/** For a handshake, in milliseconds, as in client-go. */
const CONNECT_TIMEOUT_MS = 30_000;

/** One connection says which version the server speaks (ALPN); HTTP/2 goes on over it, HTTP/1.1 makes connections of its own. */
export async function connect(endpoint: Endpoint, versions: readonly HttpVersion[], signal: AbortSignal): Promise<Transport> {
  if (!versions.includes('h2')) return http1Transport(endpoint);
  const socket = await handshake(endpoint, versions, signal);
  if (socket.alpnProtocol === 'h2') return http2Transport(endpoint, socket);
  socket.destroy();
  return http1Transport(endpoint);
}

function handshake({ url, ca }: Endpoint, versions: readonly HttpVersion[], signal: AbortSignal): Promise<TLSSocket> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: hostname, port: Number(port || 443), ca, ALPNProtocols: [...versions] });
    const fail = (error: Error) => {
      socket.destroy();
      settle(() => reject(error));
    };
    const abort = () => fail(new Error('called off'));
    const settle = (result: () => void) => {
      socket.off('error', fail).setTimeout(0);
      signal.removeEventListener('abort', abort);
      result();
    };
    socket.once('error', fail);
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => fail(new Error(`${url}: no handshake within ${CONNECT_TIMEOUT_MS} ms`)));
    socket.once('secureConnect', () => settle(() => resolve(socket)));
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
