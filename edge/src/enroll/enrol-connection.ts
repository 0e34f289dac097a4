import { Agent, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { ENROL_ALPN, MAX_ENROL_BODY_BYTES } from '@hawser/protocol';
import { boundedRetryAfter, dialFailure, dialRelay, failure, hostOf, type LinkFailure, presentedBy } from '../link/index.ts';
import { distrust, type RelayTrust } from './relay-check.ts';

export interface ConnectionOptions {
  readonly url: string;
  readonly trust: RelayTrust;
  readonly at: Date | 'anyTime';
  /** In OpenSSL's form; undefined: Node's default. */
  readonly ecdhCurve: string | undefined;
  /** Cuts the connection. */
  readonly signal: AbortSignal;
}

/** One connection to an enrolment endpoint whose peer has been checked. */
export interface EnrolConnection {
  /** One request after the other. */
  post(path: string, body: string): Promise<Failed | Answer>;
  close(): void;
}

export interface Answer {
  readonly type: 'answer';
  readonly status: number;
  readonly body: string;
  readonly retryAfterMs: number;
}

export interface Failed {
  readonly type: 'failed';
  readonly failure: LinkFailure;
}

/** Largest head of an answer, in bytes; relays send some 200. */
const MAX_HEAD_BYTES = 8 * 1024;

/**
 * Dials, and looks at who has answered. Until this resolves with a connection, nothing but the ClientHello has been sent: TLS verifies
 * nothing here, we do.
 */
export async function openEnrolConnection(options: ConnectionOptions): Promise<Failed | EnrolConnection> {
  const { url, signal } = options;
  const address = new URL(url);
  let tcp: Socket | undefined;
  const close = () => {
    signal.removeEventListener('abort', close);
    tcp?.destroy();
  };
  signal.addEventListener('abort', close, { once: true });
  const secured = await new Promise<Failed | TLSSocket>((resolve) => {
    try {
      const onCarrier = (carrier: Socket) => handshake(carrier, address, options, resolve);
      tcp = dialRelay(address, { onCarrier, onFailure: (reason) => resolve(failed(reason)) });
    } catch (error) {
      resolve(failed(failure('proxy', error instanceof Error ? error.message : String(error))));
    }
  });
  if ('type' in secured) {
    close();
    return secured;
  }
  const wrong = wrongPeer(secured, address, options);
  if (wrong !== undefined) {
    close();
    return wrong;
  }
  const agent = agentOver(secured);
  return {
    post: (path, body) => post(agent, address, path, body),
    close: () => {
      agent.destroy();
      close();
    },
  };
}

function handshake(
  carrier: Socket,
  address: URL,
  { ecdhCurve }: ConnectionOptions,
  resolve: (result: Failed | TLSSocket) => void,
): void {
  const host = hostOf(address);
  const fail = (error: Error) => resolve(failed(connectionFailure(error, address)));
  // Both stay: a connection that breaks between two requests is told by the next one.
  carrier.on('error', fail);
  const socket = connect({
    socket: carrier,
    // Checked by us, with the authority that the device trusts. Without authorities here nothing of a stranger's certificate is looked
    // at: Node would read the whole chain of one that its own store trusts.
    rejectUnauthorized: false,
    ca: [],
    ALPNProtocols: [ENROL_ALPN],
    minVersion: 'TLSv1.3',
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ecdhCurve === undefined ? {} : { ecdhCurve }),
  });
  socket.once('secureConnect', () => resolve(socket));
  socket.on('error', fail);
  socket.once('close', () => fail(Object.assign(new Error('closed'), { code: 'ECONNRESET' })));
}

function wrongPeer(socket: TLSSocket, address: URL, { trust, at }: ConnectionOptions): Failed | undefined {
  if (socket.alpnProtocol !== ENROL_ALPN) return failed(notEnrolling(address));
  const reason = distrust({ address: address.host, host: hostOf(address), certificates: presentedBy(socket), trust, at });
  return reason === undefined ? undefined : failed(reason);
}

/** For requests over this one connection; none is made anew, since its peer would not have been checked. */
function agentOver(socket: TLSSocket): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let isTaken = false;
  agent.createConnection = (_options, callback) => {
    if (!isTaken && !socket.destroyed) {
      isTaken = true;
      return socket;
    }
    // Thrown it would reach nobody.
    callback?.(Object.assign(new Error('the connection is gone'), { code: 'ECONNRESET' }), socket);
    return undefined;
  };
  return agent;
}

function post(agent: Agent, address: URL, path: string, body: string): Promise<Failed | Answer> {
  return new Promise((resolve) => {
    const fail = (error: Error) => resolve(failed(connectionFailure(error, address)));
    try {
      const outgoing = request({
        agent,
        method: 'POST',
        path,
        maxHeaderSize: MAX_HEAD_BYTES,
        headers: {
          host: address.host,
          ...(body === ''
            ? { 'content-length': 0 }
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        },
      });
      outgoing.on('error', fail);
      outgoing.on('response', (response) => readAnswer(response, address, resolve));
      outgoing.end(body);
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)));
    }
  });
}

function readAnswer(response: IncomingMessage, address: URL, resolve: (result: Failed | Answer) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  response.on('error', (error) => resolve(failed(connectionFailure(error, address))));
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MAX_ENROL_BODY_BYTES) {
      chunks.push(chunk);
      return;
    }
    resolve(
      failed(failure('unexpected', `${address.host} answered with more than ${MAX_ENROL_BODY_BYTES} bytes: it is no relay`)),
    );
    response.destroy();
  });
  response.on('end', () => {
    const wait = response.headers['retry-after'];
    resolve({
      type: 'answer',
      status: response.statusCode ?? 0,
      body: Buffer.concat(chunks).toString('utf8'),
      retryAfterMs: wait !== undefined && /^\d{1,6}$/.test(wait) ? boundedRetryAfter(Number(wait) * 1000) : 0,
    });
  });
}

function connectionFailure(error: Error, address: URL): LinkFailure {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code.includes('NO_APPLICATION_PROTOCOL')) return notEnrolling(address);
  if (code.startsWith('HPE_')) return failure('unexpected', `${address.host} does not answer in HTTP (${code}): it is no relay`);
  if (code === 'ECONNRESET') return failure('unreachable', `${address.host} broke the connection off before it had answered`);
  return dialFailure(error, address.href);
}

function notEnrolling({ host }: URL): LinkFailure {
  return failure(
    'notFound',
    `${host} lets no devices join: is it the address of a relay, and is its setting enroll.enabled true? Nothing was sent`,
  );
}

function failed(reason: LinkFailure): Failed {
  return { type: 'failed', failure: reason };
}
