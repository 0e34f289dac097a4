import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { type CertificateAuthority, createAuthority } from '../../../../test/support/pki.ts';
import { until } from './until.ts';

/** One request that the server has got and that the test answers, at once or bit by bit. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  /** Of the client's certificate; undefined without one. */
  readonly clientName: string | undefined;
  /** Which connection it came over: the client's port. */
  readonly connection: number;
  readonly body: Promise<string>;
  /** The whole answer; an object is sent as JSON. */
  answer(status: number, body: string | object, headers?: Record<string, string>): void;
  /** Sends headers (200 at the first call) and some of the body. Resolves when it was handed to the socket. */
  write(text: string | Uint8Array): Promise<void>;
  /** Ends the body cleanly. */
  end(): void;
  /** Breaks the connection. */
  cut(): void;
  /** Resolves when the client has ended the connection or the exchange is over. */
  readonly closed: Promise<void>;
}

export interface ScriptedServer {
  readonly url: string;
  readonly authority: CertificateAuthority;
  /** The next request, in the order of arrival. */
  next(): Promise<Exchange>;
  /** Requests that no `next` has taken. */
  readonly untaken: number;
  readonly connections: number;
  /** Takes no more connections and breaks those that there are. */
  close(): Promise<void>;
}

/** A real HTTPS server on loopback that does what the test says. */
/** @param answers requests that it answers itself are not seen by the test */
export async function scriptedServer(
  t: TestContext,
  answers: (exchange: Exchange) => boolean = () => false,
): Promise<ScriptedServer> {
  const authority = await createAuthority('scripted test authority');
  const pair = await authority.issueServer({ commonName: 'kube-apiserver' });
  const exchanges: Exchange[] = [];
  const server = createServer(
    {
      cert: pair.certificatePem,
      key: pair.keyPem,
      ca: authority.certificatePem,
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) => {
      const asked = exchange(request, response);
      if (!answers(asked)) exchanges.push(asked);
    },
  );
  let connections = 0;
  server.on('secureConnection', () => {
    connections += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port }: AddressInfo = addressOf(server.address());
  let isClosed = false;
  async function close(): Promise<void> {
    if (isClosed) return;
    isClosed = true;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }
  t.after(close);
  return {
    url: `https://127.0.0.1:${port}`,
    authority,
    async next() {
      await until('a request', () => exchanges.length > 0);
      const first = exchanges.shift();
      if (first === undefined) throw new Error('two tests wait for one request');
      return first;
    },
    get untaken() {
      return exchanges.length;
    },
    get connections() {
      return connections;
    },
    close,
  };
}

function exchange(request: IncomingMessage, response: ServerResponse): Exchange {
  const url = new URL(request.url ?? '/', 'https://server');
  const { socket } = request;
  const subject =
    'getPeerCertificate' in socket && typeof socket.getPeerCertificate === 'function' ? socket.getPeerCertificate() : {};
  return {
    method: request.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
    clientName: subject?.subject?.CN,
    connection: request.socket.remotePort ?? 0,
    body: bodyOf(request),
    answer(status, body, headers = {}) {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers });
      response.end(text);
    },
    async write(text) {
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/json' });
      if (!response.write(text)) await room(response);
    },
    end: () => void response.end(),
    cut: () => void request.socket.destroy(),
    closed: new Promise((resolve) => response.on('close', resolve)),
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

function addressOf(address: AddressInfo | string | null): AddressInfo {
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address;
}

/** Resolves when more may be written, or never will be; leaves no listener behind. */
async function room(response: ServerResponse): Promise<void> {
  const done = new AbortController();
  const { signal } = done;
  await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]);
  done.abort();
}
