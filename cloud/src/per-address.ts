import type { Socket } from 'node:net';

/** IPv4 inside IPv6 (RFC 4291, section 2.5.5.2): what a socket that listens on both says. */
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
/** Of the eight groups of an IPv6 address, those that name a network (/64): whoever has one address of it has all. */
const NETWORK_GROUPS = 4;

/** Whom a bound counts as one: an IPv4 address, or a /64 of IPv6. */
export function addressOf(remoteAddress: string): string {
  const mapped = MAPPED.exec(remoteAddress)?.[1];
  if (mapped !== undefined) return mapped;
  if (!remoteAddress.includes(':')) return remoteAddress;
  const [plain = ''] = remoteAddress.split('%', 1);
  const [head = '', tail] = plain.split('::', 2);
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  const network = groups.slice(0, NETWORK_GROUPS).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}

/** The other side's address and port: names a connection for as long as it is open. */
export function remoteOf(socket: Socket): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}

/** How many of something each address has now. Holds those that have any, so it is bounded by whatever is counted. */
export class PerAddress {
  readonly #counts = new Map<string, number>();

  of(address: string): number {
    return this.#counts.get(address) ?? 0;
  }

  add(address: string): void {
    this.#counts.set(address, this.of(address) + 1);
  }

  /** Once for each `add`. */
  remove(address: string): void {
    const left = this.of(address) - 1;
    if (left > 0) this.#counts.set(address, left);
    else this.#counts.delete(address);
  }

  /** Of the address that has the most; 0 where none has any. */
  most(): number {
    let most = 0;
    for (const count of this.#counts.values()) most = Math.max(most, count);
    return most;
  }

  /**
   * Where all places are taken and one more comes from this address: the address that is to give one up, which has the most, and would
   * still have no fewer than this one. Undefined where there is none. So a few strangers keep nobody out: it takes as many addresses as there are places.
   */
  givesWayTo(address: string): string | undefined {
    const least = this.of(address) + 2;
    let found: { readonly address: string; readonly count: number } | undefined;
    for (const [candidate, count] of this.#counts) {
      if (count >= Math.max(least, (found?.count ?? 0) + 1)) found = { address: candidate, count };
    }
    return found?.address;
  }
}
