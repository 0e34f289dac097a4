import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Access } from './client.ts';

/** An answer that takes longer is none, in milliseconds. */
const ANSWER_TIMEOUT_MS = 60_000;

/** One connection over which all requests go (HTTP/2, RFC 9113). */
export class OneConnection {
  readonly #session: ClientHttp2Session;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #root: string;

  private constructor(session: ClientHttp2Session, { token, server }: Access) {
    this.#session = session;
    // Told by the requests that it ends.
    session.on('error', () => {});
    this.#headers = { accept: 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
    this.#root = new URL(server).pathname.replace(/\/$/, '');
  }

  /** Undefined where the server does not choose HTTP/2 (ALPN). */
  static async open(access: Access): Promise<OneConnection | undefined> {
    const socket = await openTls(access);
    if (socket.alpnProtocol !== 'h2') {
      socket.destroy();
      return undefined;
    }
    return new OneConnection(connect(access.server, { createConnection: () => socket }), access);
  }

  /** Streams that the server takes at the same time. */
  get mostStreams(): number {
    return this.#session.remoteSettings.maxConcurrentStreams ?? Number.POSITIVE_INFINITY;
  }

  async get(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const stream = this.#open(path);
    const status = await statusOf(stream);
    let text = '';
    for await (const chunk of stream) text += chunk;
    return { status, text };
  }

  /** The lines of a watch, once it is answered. */
  async lines(path: string): Promise<{ readonly status: number; next(): Promise<string | undefined> }> {
    const stream = this.#open(path);
    const status = await statusOf(stream);
    const chunks = stream[Symbol.asyncIterator]();
    let rest = '';
    return {
      status,
      async next() {
        while (!rest.includes('\n')) {
          const { value, done } = await chunks.next();
          if (done === true) return undefined;
          rest += value;
        }
        const end = rest.indexOf('\n');
        const line = rest.slice(0, end);
        rest = rest.slice(end + 1);
        return line;
      },
    };
  }

  close(): void {
    this.#session.destroy();
  }

  #open(path: string): ClientHttp2Stream {
    const stream = this.#session.request({ ':path': `${this.#root}${path}`, ...this.#headers });
    stream.setTimeout(ANSWER_TIMEOUT_MS, () => stream.destroy(new Error(`no answer over HTTP/2: ${path}`)));
    return stream.setEncoding('utf8');
  }
}

function openTls({ server, ca, cert, key, serverName, insecure }: Access): Promise<TLSSocket> {
  const { hostname, port } = new URL(server);
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connectTls(
      {
        host,
        port: port === '' ? 443 : Number(port),
        ALPNProtocols: ['h2', 'http/1.1'],
        ...(/^[\d.]+$|:/.test(host) && serverName === undefined ? {} : { servername: serverName ?? host }),
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined || key === undefined ? {} : { cert, key }),
        rejectUnauthorized: insecure !== true,
      },
      () => resolve(socket),
    );
    socket.once('error', reject);
  });
}

function statusOf(stream: ClientHttp2Stream): Promise<number> {
  return new Promise((resolve, reject) => {
    stream.once('response', (headers) => resolve(Number(headers[':status'])));
    stream.once('error', reject);
    stream.once('close', () => reject(new Error('the stream was closed without an answer')));
  });
}
