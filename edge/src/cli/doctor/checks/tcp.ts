import { milliseconds } from '../in-words.ts';
import { type Finding, note, ok, problem, unseen } from '../types.ts';

export interface TcpFacts {
  readonly relay: string;
  readonly proxy: string | undefined;
  /** `ip:port` of the other end. */
  readonly address: string | undefined;
  readonly tookMs: number;
  /** As `LinkFailure`; undefined: connected. */
  readonly failure: { readonly kind: string; readonly detail: string } | undefined;
}

/** A connection that takes longer is a link that is poor, not wrong; in milliseconds. */
const SLOW_MS = 3_000;

export function judgeTcp({ relay, proxy, address, tookMs, failure }: TcpFacts): Finding {
  const by = proxy === undefined ? '' : `, through the proxy ${proxy}`;
  if (failure === undefined) {
    const text = `${address ?? 'connected'} in ${milliseconds(tookMs)}${by}`;
    return tookMs > SLOW_MS ? note(text, 'the network is slow: the link bears that', relay) : ok(text, relay);
  }
  switch (failure.kind) {
    case 'dns':
      return unseen('its name does not resolve', null, relay);
    case 'proxy':
      return unseen('the proxy does not let us through', null, relay);
    case 'refused':
      return problem(
        failure.detail,
        'is the port right, and does the relay run? Relays listen at 8443; Services and load balancers may have another',
        relay,
      );
    case 'timeout':
      return problem(
        failure.detail,
        'a firewall drops it, or the address is of nobody: allow this device to connect to it',
        relay,
      );
    default:
      return problem(failure.detail, 'is the network up, and is there a route? ip route get ADDRESS', relay);
  }
}
