import type { X509Certificate } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { timeIn } from '@hawser/protocol';
import {
  cutOff,
  dialFailure,
  dialRelay,
  failure,
  hostOf,
  type LinkFailure,
  type LinkTls,
  presentedBy,
} from '../../../link/index.ts';

/** What a relay has shown in TLS's handshake. */
export interface Shown {
  readonly failure: LinkFailure | undefined;
  readonly protocol: string | undefined;
  readonly certificates: readonly X509Certificate[];
  readonly tookMs: number;
  /** What the relay's clock says less what ours does, in milliseconds; undefined where it was not asked, or did not say. */
  readonly offsetMs: number | undefined;
}

/** In milliseconds. */
const TLS_TIMEOUT_MS = 10_000;
/** A relay's whole answer to a request that is none of the link's, in bytes; what is longer is cut. */
const MAX_HEAD_BYTES = 8 * 1024;

/**
 * Has a relay show its certificates. Nothing but the ClientHello is sent: whoever answers may be anybody.
 */
export async function showOf(relay: string, signal: AbortSignal): Promise<Shown> {
  const began = performance.now();
  const none = { protocol: undefined, certificates: [], offsetMs: undefined };
  const secured = await secure(relay, {}, signal);
  const tookMs = performance.now() - began;
  if ('kind' in secured) return { ...none, failure: secured, tookMs };
  const { socket, close } = secured;
  const shown = { failure: undefined, protocol: socket.getProtocol() ?? undefined, certificates: presentedBy(socket), tookMs };
  close();
  return { ...shown, offsetMs: undefined };
}

/**
 * The same as the device that we are, to a relay that is known to be one: whether it takes our certificate, and what its clock says. It is
 * asked for a path that no relay has, so no link is made and none is ended.
 * @returns what its clock says less what ours does, in milliseconds
 */
export async function askTime(
  relay: string,
  tls: LinkTls,
  signal: AbortSignal,
): Promise<LinkFailure | { readonly offsetMs: number | undefined }> {
  const { cert, key, ca } = tls;
  const secured = await secure(relay, { cert, key, ca, rejectUnauthorized: true, minVersion: 'TLSv1.3' }, signal);
  if ('kind' in secured) return secured;
  const { socket, close } = secured;
  try {
    const asked = Date.now();
    const answer = await head(socket, new URL(relay));
    const timeMs = timeIn(answer.headers.date);
    return { offsetMs: timeMs === undefined ? undefined : timeMs - (asked + Date.now()) / 2 };
  } catch (error) {
    return cutOff(error instanceof Error ? error : new Error(String(error)), relay);
  } finally {
    close();
  }
}

function head(socket: TLSSocket, { host }: URL): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asking = request({
      createConnection: () => socket,
      method: 'HEAD',
      path: '/',
      headers: { host },
      maxHeaderSize: MAX_HEAD_BYTES,
    });
    asking.once('response', resolve).once('error', reject).end();
  });
}

interface Secured {
  readonly socket: TLSSocket;
  close(): void;
}

function secure(relay: string, options: ConnectionOptions, signal: AbortSignal): Promise<LinkFailure | Secured> {
  const url = new URL(relay);
  const host = hostOf(url);
  const within = AbortSignal.any([signal, AbortSignal.timeout(TLS_TIMEOUT_MS)]);
  return new Promise((resolve) => {
    let tcp: Socket | undefined;
    const close = () => {
      within.removeEventListener('abort', late);
      tcp?.destroy();
    };
    const fail = (reason: LinkFailure) => {
      resolve(reason);
      close();
    };
    const late = () => fail(failure('timeout', `${url.host} did not make TLS within ${TLS_TIMEOUT_MS / 1000} s`));
    within.addEventListener('abort', late, { once: true });
    try {
      tcp = dialRelay(url, {
        onCarrier(carrier) {
          const socket = connect({
            ...{ rejectUnauthorized: false, minVersion: 'TLSv1.2' as const, ALPNProtocols: ['http/1.1'] },
            ...options,
            socket: carrier,
            ...(isIP(host) === 0 ? { servername: host } : { host }),
          });
          carrier.on('error', (error) => fail(dialFailure(error, relay)));
          socket.on('error', (error) => fail(dialFailure(error, relay)));
          socket.once('secureConnect', () => resolve({ socket, close }));
          socket.once('close', () =>
            fail(failure('unexpected', `${url.host} closed the connection in the middle of TLS's handshake`)),
          );
        },
        onFailure: fail,
      });
    } catch (error) {
      fail(failure('proxy', error instanceof Error ? error.message : String(error)));
    }
  });
}
