import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Load } from './load.ts';
import type { ApiTimes } from './times.ts';

/**
 * Streams that one HTTP/2 connection may have open, as a stock kube-apiserver lets it have. Clients open another connection for more of them, or
 * wait. Told in SETTINGS; a stream beyond is refused with REFUSED_STREAM, which says that nothing was done.
 */
export const STREAMS_PER_SESSION = 250;

/**
 * MiB of headers and answers that may wait in one HTTP/2 connection. Beyond, new streams are refused until some of it has been taken: 250 watches
 * with all that a kubelet has missed in an hour are less.
 */
export const SESSION_MEMORY_MIB = 32;

/**
 * Streams that a client may reset at once, and each second after that, before its connection is ended. A kubelet resets the watches of a pod when the
 * pod goes: ten or so for each of 110 pods. One whose time-outs are short resets a request every now and then.
 */
export const RESETS = { streamResetBurst: 1_000, streamResetRate: 33 } as const;

/** Streams over the two bounds above, and frames that are not valid, before the connection is ended. */
export const REFUSED_STREAMS = 100;
export const INVALID_FRAMES = 100;

/** Codes of what ends a connection from outside, and is nobody's fault. */
const GONE: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT']);

/**
 * Keeps over HTTP/2 connections the times that node:http keeps over those of HTTP/1.1, and that node:http2 leaves to its users: pings and half a
 * header block are no requests, so they move no time. What ends:
 *
 * 1. a connection that has opened no stream within the time for headers;
 * 2. one that has had no stream for the idle time, with GOAWAY, so that the client opens its next one elsewhere;
 * 3. a stream whose body has not come in time;
 * 4. one whose client has said GOAWAY, so much later: Node leaves it as it is, streams and all, when what comes after that is no HTTP/2.
 */
export class Sessions {
  readonly #times: ApiTimes;
  readonly #load: Load;
  readonly #open = new Map<ServerHttp2Session, Promise<void>>();

  constructor(times: ApiTimes, load: Load) {
    this.#times = times;
    this.#load = load;
  }

  /** Resolves when all that are open now have ended, which Node asks them to do when their server closes. */
  async ended(): Promise<void> {
    await Promise.all(this.#open.values());
  }

  /** A session that has just begun. */
  opened(session: ServerHttp2Session): void {
    const { headersMs, requestMs, idleMs, graceMs } = this.#times;
    const cut = this.#load.cutterOf(session.socket);
    const timers = { idle: unrefTimer(() => expire(), headersMs), cut: undefined as NodeJS.Timeout | undefined };
    let streams = 0;
    let hasAsked = false;
    const expire = () => {
      if (!hasAsked) this.#load.reached('time');
      session.close();
      // A client that does not take the GOAWAY, or keeps its half open.
      clearTimeout(timers.cut);
      timers.cut = unrefTimer(cut, graceMs);
    };
    session.on('stream', (stream) => {
      hasAsked = true;
      streams += 1;
      clearTimeout(timers.idle);
      this.#limitBody(stream);
      stream.once('close', () => {
        streams -= 1;
        if (streams === 0 && !session.closed && !session.destroyed) timers.idle = unrefTimer(expire, idleMs);
      });
    });
    session.once('goaway', () => {
      clearTimeout(timers.cut);
      timers.cut = unrefTimer(() => {
        this.#load.reached('time');
        cut();
      }, requestMs);
    });
    session.on('error', (error: Error & { code?: string }) => {
      // Of what goes over a bound of Node's or nghttp2's nothing else tells.
      if (!GONE.has(error.code ?? '')) this.#load.reached('frames');
    });
    const over = Promise.withResolvers<void>();
    this.#open.set(session, over.promise);
    session.once('close', () => {
      clearTimeout(timers.idle);
      clearTimeout(timers.cut);
      this.#open.delete(session);
      over.resolve();
    });
  }

  #limitBody(stream: ServerHttp2Stream): void {
    if (stream.endAfterHeaders) return;
    const timer = unrefTimer(() => {
      this.#load.reached('time');
      stream.close(constants.NGHTTP2_CANCEL);
    }, this.#times.requestMs);
    const done = () => clearTimeout(timer);
    stream.once('end', done);
    stream.once('close', done);
  }
}

function unrefTimer(run: () => void, ms: number): NodeJS.Timeout {
  return setTimeout(run, ms).unref();
}
