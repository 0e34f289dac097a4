import { request } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { getProxyForUrl } from 'proxy-from-env';
import { failure, type LinkFailure } from './failure.ts';

/** From dialling the proxy to its answer, in milliseconds: half of what the whole dial has, so that the proxy is told of and not the relay. */
export const PROXY_TIMEOUT_MS = 30_000;
/** Largest answer to CONNECT, in bytes: a status and some headers. What is longer is no proxy's. */
const MAX_ANSWER_BYTES = 8 * 1024;
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;
const DEFAULT_PORTS = { 'http:': 80, 'https:': 443 } as const;

/** An HTTP proxy on the way to a relay. */
export interface Proxy {
  readonly isTls: boolean;
  readonly host: string;
  readonly port: number;
  /** `host:port`, for messages. Never with the password. */
  readonly address: string;
  /** Of Basic authentication (RFC 7617); undefined without a user in its address. */
  readonly authorization: string | undefined;
}

/**
 * The proxy that HTTPS_PROXY and NO_PROXY (or ALL_PROXY; in capitals or not) name for a relay, as for any other program; undefined for none.
 * This device itself is never dialled through one.
 * @throws Error whose message says what is wrong with the variable, without its value: there may be a password in it
 */
export function proxyFor({ host, hostname }: URL): Proxy | undefined {
  if (LOOPBACK.test(hostname)) return undefined;
  const named = getProxyForUrl(`https://${host}`);
  if (named === '') return undefined;
  const url = URL.parse(isWithoutScheme(named) ? named.replace('https://', 'http://') : named);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') {
    throw new Error('HTTPS_PROXY (or ALL_PROXY) is not the address of an HTTP proxy: http://[USER:PASSWORD@]HOST:PORT');
  }
  const { username, password } = url;
  return {
    isTls: url.protocol === 'https:',
    host: url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname,
    port: url.port === '' ? DEFAULT_PORTS[url.protocol] : Number(url.port),
    address: url.host,
    authorization:
      username === '' && password === ''
        ? undefined
        : `Basic ${Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64')}`,
  };
}

/** The library takes the scheme of what is dialled for an address without one. Everybody else takes http. */
function isWithoutScheme(named: string): boolean {
  const { env } = process;
  return [env.https_proxy, env.HTTPS_PROXY, env.all_proxy, env.ALL_PROXY].some((value) => named === `https://${value}`);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A password with a bare %.
    return text;
  }
}

/**
 * Asks a proxy for a tunnel (RFC 9110, section 9.3.6) over a connection to it. One of the two is called, once; after `onOpen` everything
 * that comes over the carrier is the relay's.
 */
export function openTunnel(
  tcp: Socket,
  proxy: Proxy,
  target: string,
  onOpen: (carrier: Socket) => void,
  onFailure: (failure: LinkFailure) => void,
): void {
  const carrier = proxy.isTls
    ? connect({ socket: tcp, ...(isIP(proxy.host) === 0 ? { servername: proxy.host } : { host: proxy.host }) })
    : tcp;
  let isOver = false;
  const fail = (detail: string) => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    tcp.destroy();
    onFailure(failure('proxy', detail));
  };
  tcp.on('error', (error) => fail(brokenProxy(error, proxy)));
  const asking = request({
    createConnection: () => carrier,
    method: 'CONNECT',
    path: target,
    maxHeaderSize: MAX_ANSWER_BYTES,
    headers: { host: target, ...(proxy.authorization === undefined ? {} : { 'proxy-authorization': proxy.authorization }) },
  });
  const timer = setTimeout(
    () => fail(`the proxy ${proxy.address} did not answer within ${PROXY_TIMEOUT_MS / 1000} s: is it the right one?`),
    PROXY_TIMEOUT_MS,
  );
  asking.on('error', (error) => fail(brokenProxy(error, proxy)));
  asking.on('response', ({ statusCode = 0 }) => fail(refusedBy(proxy, statusCode, target)));
  asking.on('connect', ({ statusCode = 0 }, _socket, head: Buffer) => {
    if (isOver) return;
    if (statusCode < 200 || statusCode > 299) {
      fail(refusedBy(proxy, statusCode, target));
      return;
    }
    isOver = true;
    clearTimeout(timer);
    if (head.length > 0) carrier.unshift(head);
    onOpen(carrier);
  });
  asking.end();
}

function refusedBy({ address, authorization }: Proxy, status: number, target: string): string {
  switch (status) {
    case 407:
      return authorization === undefined
        ? `the proxy ${address} wants to know who we are (HTTP 407): put user and password into HTTPS_PROXY, http://USER:PASSWORD@HOST:PORT`
        : `the proxy ${address} does not take user and password of HTTPS_PROXY (HTTP 407): are they right, and are special characters in them written as %XX?`;
    case 403:
    case 405:
      return `the proxy ${address} lets nobody connect to ${target} (HTTP ${status}): its operator must allow CONNECT to it, or NO_PROXY must name it`;
    case 502:
    case 503:
    case 504:
      return `the proxy ${address} cannot reach ${target} (HTTP ${status}): is the address of the relay right?`;
    default:
      return `the proxy ${address} answered HTTP ${status} in place of a connection to ${target}`;
  }
}

function brokenProxy(error: Error, { address }: Proxy): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const where = 'HTTPS_PROXY (or ALL_PROXY) names it';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `the proxy ${address} does not resolve (${code}); ${where}`;
  if (code === 'ECONNREFUSED') return `the proxy ${address} refuses connections; ${where}`;
  if (code === 'ECONNRESET') return `the proxy ${address} broke the connection off`;
  if (code.startsWith('HPE_')) return `${address} is no HTTP proxy: it does not answer in HTTP (${code}); ${where}`;
  return `the proxy ${address} cannot be reached: ${error.message || code}; ${where}`;
}
