import { connect, type Socket } from 'node:net';

const DEFAULT_PORT = 443;

/**
 * Dials a relay, for its link or to enrol with it. A connection of its own below TLS, so that its bytes can be counted. The one place
 * of the agent that opens a socket to the outside.
 */
export function dialTcp(address: URL): Socket {
  return connect({ host: hostOf(address), port: address.port === '' ? DEFAULT_PORT : Number(address.port) });
}

/** Name or address, IPv6 without its brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}
