import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ENROL_ALPN, MAX_ENROL_BODY_BYTES, type Refusal } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../../clock.ts';
import type { Bound } from '../../ops/bounds.ts';
import type { Settings } from '../../ops/settings.ts';
import { keepServing } from '../serving/keep-serving.ts';
import type { Serving } from '../types.ts';
import { type Connection, Connections } from './connections.ts';
import { decideHead, tooLarge } from './conversation.ts';
import { type RefusedOutcome, refused } from './outcome.ts';

/** A request has some hundred bytes of headers, a dozen at most. */
const MAX_HEADER_BYTES = 8 * 1024;
const MAX_HEADERS = 32;
/** For TLS and the head of a request, and for a body: what a poor link needs for a TLS handshake of 6 KB, and more than for a request. In ms. */
const STEP_MS = 20_000;

export interface EnrolmentServerOptions {
  readonly settings: {
    readonly keyExchange: Settings['keyExchange'];
    readonly limits: Pick<Settings['limits'], 'enrolConnections' | 'enrolConnectionsPerAddress' | 'enrolSeconds'>;
  };
  /** With the roots in its chain: who joins knows of the authority no more than a hash. */
  readonly serving: Serving;
  readonly desk: EnrolmentDesk;
  readonly onBound: (bound: Bound) => void;
  /** What came was no TLS, no HTTP, or a request ahead of an answer. */
  readonly onMisuse: (of: 'tls' | 'http' | 'pipelined') => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What is asked and what is answered, without HTTP. */
export interface EnrolmentDesk {
  /** An attempt begins. */
  begin(connection: Connection): Answer;
  /** A request whose body has come. Never rejects. */
  handle(connection: Connection, of: 'join' | 'renew', body: string): Promise<Answer>;
  /** A request that was refused before. */
  refuse(connection: Connection, outcome: RefusedOutcome): Answer;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** Seconds. */
  readonly retryAfter: number | undefined;
  /** The connection ends with it. */
  readonly isLast: boolean;
}

export interface EnrolmentServer {
  /** Connections at a time. */
  readonly most: number;
  /** Goes on with a connection from its ClientHello on. */
  take(socket: Socket): void;
  connections(): number;
  /** Ends all connections, and those that still come. */
  stop(): void;
}

/** The enrolment endpoint as a server of HTTPS that does not listen itself: TLS 1.3 without client certificates and without tickets. */
export function createEnrolmentServer(options: EnrolmentServerOptions): EnrolmentServer {
  const { settings, desk, onBound, onMisuse, clock, logger } = options;
  const { limits } = settings;
  const connections = new Connections({
    most: limits.enrolConnections,
    mostPerAddress: limits.enrolConnectionsPerAddress,
    wholeMs: limits.enrolSeconds * 1000,
    stepMs: STEP_MS,
    clock,
    onBound,
  });
  const server = createServer({
    requestCert: false,
    handshakeTimeout: STEP_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    ALPNCallback: ({ protocols }) => protocols.find((protocol) => protocol === ENROL_ALPN),
    // Connections have deadlines of their own: a server that does not listen keeps no times.
    headersTimeout: 0,
    requestTimeout: 0,
    keepAliveTimeout: 0,
  });
  server.maxHeadersCount = MAX_HEADERS;
  const forgetServing = keepServing(server, options.serving, settings.keyExchange, 'withRoots');

  server.on('request', (request, response) => {
    const connection = connections.find(request.socket);
    if (connection === undefined || connection.isBusy) {
      // One more before the answer: there is nothing that could be asked ahead of it.
      if (connection !== undefined) onMisuse('pipelined');
      request.socket.destroy();
      return;
    }
    connection.isBusy = true;
    respond(connection, request, response).catch((error: unknown) => {
      // The body was cut off, by the other side or by a deadline.
      logger.debug({ err: error, remote: connection.remote }, 'enrolment cut off');
      request.socket.destroy();
    });
  });
  server.on('tlsClientError', (error, socket) => {
    onMisuse('tls');
    logger.debug({ err: error, remote: `${socket.remoteAddress}:${socket.remotePort}` }, 'TLS handshake of an enrolment failed');
  });
  server.on('clientError', (error: Error & { code?: string }, socket) => {
    if (error.code?.startsWith('HPE_') && socket.writable) {
      const isTooLarge = error.code === 'HPE_HEADER_OVERFLOW';
      if (isTooLarge) onBound('headerBytes');
      else onMisuse('http');
      endWith(socket, isTooLarge ? 431 : 400);
    } else {
      socket.destroy();
    }
  });

  async function respond(connection: Connection, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url, headers } = request;
    const step = decideHead(connection.conversation, { method, url, contentLength: headers['content-length'] });
    if (step.type === 'giveNonce') send(connection, response, desk.begin(connection));
    else if (step.type === 'refused') send(connection, response, desk.refuse(connection, step));
    else {
      connection.expect();
      const body = await readBody(request);
      connection.expectNothing();
      const answer = body === undefined ? desk.refuse(connection, tooLarge()) : await desk.handle(connection, step.of, body);
      send(connection, response, answer);
    }
  }

  function send(connection: Connection, response: ServerResponse, { status, body, retryAfter, isLast }: Answer): void {
    if (isLast) connection.conversation = { type: 'over' };
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...(retryAfter === undefined ? {} : { 'retry-after': `${retryAfter}` }),
      ...(isLast ? { connection: 'close' } : {}),
    });
    response.end(body);
    connection.isBusy = false;
    // For what comes next, and for the answer to be taken.
    connection.expect();
  }

  let isStopped = false;
  return {
    most: limits.enrolConnections,
    take(socket) {
      if (isStopped) socket.destroy();
      else if (connections.begin(socket)) server.emit('connection', socket);
    },
    connections: () => connections.count,
    stop() {
      isStopped = true;
      forgetServing();
      connections.destroyAll();
    },
  };
}

/** Undefined for one over the bound, of which no more is kept. @throws when it is cut off */
function readBody(request: IncomingMessage): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_ENROL_BODY_BYTES) {
        parts.push(chunk);
      } else {
        parts.length = 0;
        resolve(undefined);
      }
    });
    request.once('end', () => resolve(Buffer.concat(parts).toString('utf8')));
    request.once('error', reject);
    request.once('close', () => reject(new Error('the connection ended within the body')));
  });
}

/** The answer to what is no request. */
function endWith(socket: Duplex, status: 400 | 431): void {
  const message = status === 431 ? `the headers are larger than ${MAX_HEADER_BYTES} bytes` : 'this is no request of HTTP/1.1';
  const refusal: Refusal = refused('badRequest', message).refusal;
  const body = JSON.stringify(refusal);
  const head = [
    `HTTP/1.1 ${status} ${status === 431 ? 'Request Header Fields Too Large' : 'Bad Request'}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.once('finish', () => socket.destroy());
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
