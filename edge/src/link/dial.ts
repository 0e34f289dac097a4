import { connect, type Socket } from 'node:net';
import { failure, type LinkFailure } from './failure.ts';
import { openTunnel, proxyFor } from './proxy.ts';

const DEFAULT_PORT = 443;

export interface DialEvents {
  /**
   * Over this the relay is spoken to. Called before `dialRelay` returns where no proxy is on the way; what it throws is thrown then, and told
   * by `onFailure` otherwise.
   */
  readonly onCarrier: (carrier: Socket) => void;
  /** There is no way to the relay, since the proxy has none. What is wrong with the carrier is told by the carrier. */
  readonly onFailure: (failure: LinkFailure) => void;
}

/**
 * Dials a relay, for its link or to enrol with it; through a proxy where the environment names one. The one place of the agent that opens a
 * socket to the outside. It has no deadline: whoever dials gives it up, by destroying what this returns.
 * @returns the connection below everything, a proxy's TLS too, so that its bytes can be counted
 * @throws Error that says what is wrong with the proxy's address
 */
export function dialRelay(address: URL, { onCarrier, onFailure }: DialEvents): Socket {
  const host = hostOf(address);
  const port = address.port === '' ? DEFAULT_PORT : Number(address.port);
  const proxy = proxyFor(address);
  if (proxy === undefined) {
    const tcp = connect({ host, port });
    onCarrier(tcp);
    return tcp;
  }
  const tcp = connect({ host: proxy.host, port: proxy.port });
  const onOpen = (carrier: Socket) => {
    try {
      onCarrier(carrier);
    } catch (error) {
      tcp.destroy();
      onFailure(failure('unreachable', error instanceof Error ? error.message : String(error)));
    }
  };
  openTunnel(tcp, proxy, `${address.hostname}:${port}`, onOpen, onFailure);
  return tcp;
}

/** Name or address, IPv6 without its brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}
