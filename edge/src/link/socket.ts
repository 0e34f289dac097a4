import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { MAX_FRAME_BYTES, timeIn } from '@hawser/protocol';
import { type ClientOptions, WebSocket } from 'ws';
import { dialRelay, hostOf } from './dial.ts';
import { answerFailure, cutOff, dialFailure, failure, type LinkFailure } from './failure.ts';
import { type PresentedRelay, presentedBy } from './presented.ts';
import type { LinkTimes } from './relay-time.ts';

/** Of the words with which a relay refuses a link; they are one line. */
const MAX_WORDS_BYTES = 1024;
/** In milliseconds: the status alone says most. */
const WORDS_TIMEOUT_MS = 2_000;

/** PEM texts. */
export interface LinkTls {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** Key exchanges in order of preference, in OpenSSL's form; undefined: Node's default, which has the post-quantum hybrid first. */
  readonly ecdhCurve?: string | undefined;
  /**
   * In place of TLS's own check of the relay's certificate: why it is not trusted, or undefined. Called once for a dial, after the handshake
   * and before a byte of the request has left.
   */
  readonly distrust?: ((relay: PresentedRelay) => string | undefined) | undefined;
  readonly times?: LinkTimes | undefined;
}

/** One connection as the link sees it. After `failed` nothing is called any more. */
export interface SocketEvents {
  connected(): void;
  frame(bytes: Uint8Array): void;
  failed(failure: LinkFailure): void;
}

export interface LinkSocket {
  send(frame: Uint8Array): void;
  ping(): void;
  /** Says that we are here, unasked (RFC 6455, section 5.5.3). */
  pong(): void;
  /**
   * Bytes that the connection has received so far, TLS and all. Below TLS, since that shows nothing of a record before all of
   * its 16 KB are there.
   */
  bytesRead(): number;
  /** Bytes given to the connection so far, without TLS. */
  bytesWritten(): number;
  /** Closes without waiting for the other side; no event follows. */
  destroy(): void;
  /** Says a code and a reason first (RFC 6455, section 7.4) and gives the close frame a moment to leave; no event follows. */
  close(code: number, reason: string): void;
}

/** The path on which relays await agents. */
export const LINK_PATH = '/v1/link';
/**
 * Written and not taken by the network: two of the largest frames. An agent answers what it is asked and reports a few at a time, so
 * more than this is asked of it by a relay that does not listen; the link is given up.
 */
const MAX_BUFFERED_BYTES = 2 * MAX_FRAME_BYTES;
/** Headers of a relay's answer are some hundred bytes; one with more is no relay. */
const MAX_HEADER_BYTES = 8 * 1024;
/** A relay writes large messages in fragments of 8 KiB: the largest has 512 of them. */
const MAX_FRAGMENTS = 1_024;
/** Pieces of TLS that one frame may come in: each costs some 500 bytes beside its own, and a relay's frames have one or two. */
const MAX_CHUNKS = 1_024;
/** How long a close frame may take to leave before the connection is cut. */
const CLOSE_TIMEOUT_MS = 1_000;
/**
 * Longest reason, in bytes: 123 fit a close frame (RFC 6455, section 5.5), and a character that is cut in two may grow by two
 * when it becomes the replacement character.
 */
const MAX_REASON_BYTES = 120;

/**
 * Dials one relay, through a proxy where the environment names one, for as long as it takes: whoever dials gives it up.
 * @throws what is wrong with the certificate or its key, or with the proxy's address
 */
export function openSocket(url: string, tls: LinkTls, events: SocketEvents): LinkSocket {
  let isOver = false;
  let isVerified = false;
  let isOpen = false;
  let socket: WebSocket | undefined;
  let bytesWritten = () => 0;
  const address = new URL(LINK_PATH, url);

  const cut = () => {
    if (socket === undefined) connection.destroy();
    else socket.terminate();
  };
  const end = (reason: LinkFailure) => {
    if (isOver) return;
    isOver = true;
    cut();
    events.failed(reason);
  };

  function distrustOf(secured: Socket): string | undefined {
    try {
      return tls.distrust?.({ host: hostOf(address), certificates: secured instanceof TLSSocket ? presentedBy(secured) : [] });
    } catch (error) {
      // A key of a kind that nobody has, for one: whoever sends that is no relay of ours.
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** The request stays with us until the relay is known to be one; TLS itself sees to that where it is the one that checks. */
  function requestIfTrusted(request: ClientRequest): void {
    request.once('socket', (secured) => {
      secured.once('secureConnect', () => {
        if (isOver) return;
        const reason = distrustOf(secured);
        isVerified = reason === undefined;
        if (isVerified) request.end();
        else end(failure('relayCertificate', `the certificate of ${address.host} is not trusted: ${reason}`));
      });
    });
  }

  const attach = (opening: WebSocket) => {
    opening.binaryType = 'nodebuffer';
    opening.on('upgrade', (response) => {
      const { socket: secured } = response;
      bytesWritten = () => secured.bytesWritten;
      const timeMs = timeIn(response.headers.date);
      if (timeMs !== undefined && !isOver) tls.times?.heard(timeMs);
    });
    opening.on('message', (data, isBinary) => {
      if (isOver) return;
      if (isBinary && Buffer.isBuffer(data)) events.frame(data);
      else end(failure('unexpected', 'the relay sent text, and the link is binary'));
    });
    opening.on('unexpected-response', (_request, response: IncomingMessage) => {
      readWords(response, (said) => end(answerFailure(response.statusCode ?? 0, url, response.headers['retry-after'], said)));
    });
    opening.on('open', () => {
      isOpen = true;
      if (!isOver) events.connected();
    });
    opening.on('error', (error) => {
      end(isOpen ? openFailure(error) : isVerified ? cutOff(error, url) : dialFailure(error, url));
    });
    opening.on('close', (code, reason) => {
      const text = reason.toString('utf8');
      end(failure('ended', `the relay closed the link: ${code}${text === '' ? '' : ` ${text}`}`));
    });
  };

  const connection = dialRelay(address, {
    onCarrier: (carrier) => {
      if (isOver) return;
      socket = webSocketOver(carrier, address, tls, requestIfTrusted);
      attach(socket);
    },
    onFailure: end,
  });

  return {
    send(frame) {
      if (isOver || socket === undefined) return;
      if (socket.bufferedAmount > MAX_BUFFERED_BYTES) {
        end(failure('unexpected', `the relay takes nothing of ${socket.bufferedAmount} bytes that are written to it`));
        return;
      }
      // A failure comes as an event of its own as well.
      socket.send(frame, { binary: true }, () => {});
    },
    ping() {
      if (!isOver && isOpen) socket?.ping();
    },
    pong() {
      if (!isOver && isOpen) socket?.pong();
    },
    bytesRead: () => connection.bytesRead,
    bytesWritten: () => bytesWritten(),
    destroy() {
      isOver = true;
      cut();
    },
    close(code, reason) {
      isOver = true;
      if (!isOpen || socket === undefined) {
        cut();
        return;
      }
      const closing = socket;
      closing.close(code, Buffer.from(reason).subarray(0, MAX_REASON_BYTES).toString('utf8'));
      const timer = setTimeout(() => closing.terminate(), CLOSE_TIMEOUT_MS);
      closing.once('close', () => clearTimeout(timer));
    },
  };
}

/** What stands in the body of a refusal, as far as it is text and comes soon. */
function readWords(response: IncomingMessage, onWords: (said: string) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  let isOver = false;
  const done = () => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    const isText = response.headers['content-type']?.startsWith('text/plain') ?? false;
    onWords(isText ? Buffer.concat(chunks).toString('utf8', 0, MAX_WORDS_BYTES) : '');
  };
  const timer = setTimeout(done, WORDS_TIMEOUT_MS);
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= MAX_WORDS_BYTES) done();
  });
  response.on('end', done).on('error', done).on('close', done);
}

/** @throws what is wrong with the certificate or its key */
function webSocketOver(carrier: Socket, address: URL, tls: LinkTls, finishRequest: (request: ClientRequest) => void): WebSocket {
  const options: ClientOptions & { readonly socket: Socket; readonly maxHeaderSize: number } = {
    socket: carrier,
    cert: tls.cert,
    key: tls.key,
    ca: tls.ca,
    minVersion: 'TLSv1.3',
    ...(tls.times === undefined ? {} : { headers: { date: tls.times.now().toUTCString() } }),
    ...(tls.ecdhCurve === undefined ? {} : { ecdhCurve: tls.ecdhCurve }),
    followRedirects: false,
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_BYTES,
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: MAX_CHUNKS,
    maxHeaderSize: MAX_HEADER_BYTES,
    rejectUnauthorized: tls.distrust === undefined,
    finishRequest,
  };
  try {
    return new WebSocket(address, options);
  } catch (error) {
    carrier.on('error', () => {}).destroy();
    throw error;
  }
}

function openFailure(error: Error): LinkFailure {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code.startsWith('WS_ERR'))
    return failure('unexpected', `the relay sent what is no message of the link: ${error.message} (${code})`);
  return failure('unreachable', `the link broke: ${error.message || code}`);
}
