import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';

/** What a client of Go lets a server send ahead, in bytes: of one stream, of a connection. */
const STREAM_WINDOW = 4 * 1024 * 1024;
const CONNECTION_WINDOW = 1 << 30;

export interface ServerOf {
  /** `https://127.0.0.1:6444` */
  readonly url: string;
  /** PEM. */
  readonly ca: string;
  readonly token: string;
}

export interface CallResult {
  readonly status: number;
  readonly bytes: number;
  /** From the request to its last byte. */
  readonly ms: number;
}

/** One HTTP/2 connection, as client-go keeps it. */
export interface BenchClient {
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<CallResult>;
  /** A request that goes on. */
  open(path: string): ClientHttp2Stream;
  close(): void;
}

/** @throws when nobody listens there */
export async function openClient({ url, ca, token }: ServerOf): Promise<BenchClient> {
  const session = connect(url, { ca, settings: { enablePush: false, initialWindowSize: STREAM_WINDOW } });
  await once(session, 'connect');
  session.on('error', () => undefined);
  session.setLocalWindowSize(CONNECTION_WINDOW);
  const authorization = `Bearer ${token}`;
  return {
    call: (method, path, body, headers = {}) =>
      call(session, { ':method': method, ':path': path, authorization, ...headers }, body),
    open: (path) => session.request({ ':path': path, authorization, accept: 'application/json' }),
    close: () => session.destroy(),
  };
}

function call(session: ClientHttp2Session, headers: Readonly<Record<string, string>>, body: unknown): Promise<CallResult> {
  return new Promise((resolve, reject) => {
    const beganAt = performance.now();
    const stream = session.request(headers, { endStream: body === undefined });
    let status = 0;
    let bytes = 0;
    stream.on('response', (answered) => {
      status = answered[':status'] ?? 0;
    });
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    stream.on('end', () => resolve({ status, bytes, ms: performance.now() - beganAt }));
    stream.on('error', reject);
    if (body !== undefined) stream.end(JSON.stringify(body));
  });
}
