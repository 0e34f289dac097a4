import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { isKubeObject, isObject, type KubeObject, type Status } from './objects.ts';
import { Watch } from './watch.ts';

/** Whom to ask, and as whom. */
export interface Access {
  /** `https://HOST:PORT`, with a path below which the API stands where there is one. */
  readonly server: string;
  readonly token?: string | undefined;
  /** PEM of the client's certificate and key. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** PEM of the authorities that may have signed the server's certificate. Default: the system's. */
  readonly ca?: string | undefined;
  /** The name that the server's certificate must have. Default: the host of the URL. */
  readonly serverName?: string | undefined;
  /** Any certificate of the server will do. Default false. */
  readonly insecure?: boolean | undefined;
}

export interface Call {
  /** Added to the path; undefined and "" are left out. */
  readonly query?: Query;
  /** Sent as JSON, or as it is when it is text. */
  readonly body?: unknown;
  /** Default application/json where there is a body. "" sends none. */
  readonly contentType?: string;
  /** Default application/json. */
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** In place of that of the access; "" sends none. */
  readonly token?: string;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** As they came, compressed where they were. */
  readonly bytes: Buffer;
  readonly text: string;
  /** Undefined where the body is no JSON object with metadata. */
  readonly object: KubeObject | undefined;
  /** `object` where it is a Status, else one without anything in it: so that what is missing shows in a comparison. */
  readonly failure: Status;
}

/** An answer that takes longer is none: in milliseconds. A server may wait 3 s for a resourceVersion, and be slow besides. */
const ANSWER_TIMEOUT_MS = 60_000;
/** Longest answer that is read, in bytes; one that is longer fails the check that asked. A large cluster's list is asked for in pages. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

/** Nobody waits longer for an event, in milliseconds: what is to come is caused by the kit itself. Generous, for slow machines. */
const EVENT_TIMEOUT_MS = 30_000;

/** The server could not be asked, or did not answer. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

/** HTTP/1.1 over TLS: a connection for each request under way and each watch. */
export class Client {
  readonly access: Access;
  readonly #agent: Agent;
  readonly #tls: SecureContextOptions & { readonly servername?: string; readonly rejectUnauthorized?: boolean };
  readonly #eventTimeoutMs: number;
  #requests = 0;
  #closed = false;

  constructor(access: Access, eventTimeoutMs = EVENT_TIMEOUT_MS) {
    this.access = access;
    this.#eventTimeoutMs = eventTimeoutMs;
    const { ca, cert, key, serverName, insecure } = access;
    this.#tls = {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
      ...(serverName === undefined ? {} : { servername: serverName }),
      ...(insecure === true ? { rejectUnauthorized: false } : {}),
    };
    this.#agent = new Agent({ keepAlive: true, ...this.#tls });
  }

  /** Requests so far, watches among them. */
  get requests(): number {
    return this.#requests;
  }

  /** Whatever the server answers is an answer. @throws Unreachable */
  async call(method: string, path: string, call: Call = {}): Promise<Answer> {
    const response = await this.#open(method, path, call, AbortSignal.timeout(ANSWER_TIMEOUT_MS));
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of response) {
        chunks.push(chunk);
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) throw new Error(`an answer of more than ${MAX_ANSWER_BYTES} bytes`);
      }
    } catch (cause) {
      throw new Unreachable(`${method} ${path}: the answer broke off: ${messageOf(cause)}`, { cause });
    }
    return answerOf(response, Buffer.concat(chunks));
  }

  /**
   * Opens a watch; the answer, where it is another than 200.
   * @throws Unreachable
   */
  async watch(path: string, call: Call = {}): Promise<Watch | Answer> {
    const aborter = new AbortController();
    const timer = setTimeout(() => aborter.abort(new Error('no headers of the answer')), ANSWER_TIMEOUT_MS);
    const query = { watch: 'true', ...call.query };
    try {
      const response = await this.#open('GET', path, { ...call, query }, aborter.signal);
      if (response.statusCode === 200) {
        return new Watch(response, `${path}?${searchOf(query)}`, this.#eventTimeoutMs);
      }
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      return answerOf(response, Buffer.concat(chunks));
    } catch (cause) {
      if (cause instanceof Unreachable) throw cause;
      throw new Unreachable(`watch of ${path}: ${messageOf(cause)}`, { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends every connection; whatever is asked from then on is Unreachable. */
  close(): void {
    this.#closed = true;
    this.#agent.destroy();
  }

  #open(method: string, path: string, call: Call, signal: AbortSignal): Promise<IncomingMessage> {
    if (this.#closed) return Promise.reject(new Unreachable('stopped'));
    this.#requests++;
    const url = new URL(this.access.server);
    const search = searchOf(call.query ?? {});
    const body = call.body === undefined || typeof call.body === 'string' ? call.body : JSON.stringify(call.body);
    const token = call.token ?? this.access.token ?? '';
    const contentType = call.contentType ?? (body === undefined ? '' : 'application/json');
    const headers = {
      accept: call.accept ?? 'application/json',
      'user-agent': 'hawser-conformance',
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...(contentType === '' ? {} : { 'content-type': contentType }),
      // Node sends no length by itself with a DELETE.
      ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
      ...call.headers,
    };
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          ...this.#tls,
          host: url.hostname.replace(/^\[|\]$/g, ''),
          port: url.port === '' ? 443 : Number(url.port),
          path: `${url.pathname.replace(/\/$/, '')}${path}${search === '' ? '' : `?${search}`}`,
          method,
          headers,
          agent: this.#agent,
          signal,
        },
        resolve,
      );
      sent.on('error', (cause) => reject(new Unreachable(`${method} ${path}: ${messageOf(cause)}`, { cause })));
      sent.end(body);
    });
  }
}

/** @throws Unreachable for what is no answer to a watch */
export function isWatch(opened: Watch | Answer): opened is Watch {
  return opened instanceof Watch;
}

function searchOf(query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  return new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)])).toString();
}

function answerOf({ statusCode = 0, headers }: IncomingMessage, bytes: Buffer): Answer {
  const isJson = /^application\/json/.test(headers['content-type'] ?? '');
  const isPacked = headers['content-encoding'] === 'gzip';
  const text = (isPacked ? gunzipSync(bytes, { maxOutputLength: MAX_ANSWER_BYTES }) : bytes).toString('utf8');
  const value = isJson ? parseAnswer(text) : undefined;
  const object = isKubeObject(value) ? value : isObject(value) ? { ...value, metadata: {} } : undefined;
  return { status: statusCode, headers, bytes, text, object, failure: object?.kind === 'Status' ? object : { metadata: {} } };
}

/** @throws Unreachable for what calls itself JSON and is none */
export function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Unreachable(`the server called this JSON: ${text.slice(0, 200)}`, { cause });
  }
}

export function messageOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  // Node's AggregateError of a refused connection has its words only inside.
  const inner = cause instanceof AggregateError ? cause.errors[0] : undefined;
  return cause.message === '' && inner instanceof Error ? inner.message : cause.message;
}
