/**
 * Relays that are not to be dialled for a while, by address: the others are, meanwhile. One entry for each address at most. The wall
 * clock may be set: back, it holds nothing for longer than was asked.
 */
export class HeldRelays {
  readonly #holds = new Map<string, { readonly untilMs: number; readonly forMs: number }>();

  hold(url: string, forMs: number, nowMs: number): void {
    if (forMs > 0) this.#holds.set(url, { untilMs: nowMs + forMs, forMs });
  }

  /** For how long still, in milliseconds; 0 when it may be dialled. */
  leftMs(url: string, nowMs: number): number {
    const hold = this.#holds.get(url);
    const leftMs = hold === undefined ? 0 : hold.untilMs - nowMs;
    if (hold !== undefined && leftMs > 0 && leftMs <= hold.forMs) return leftMs;
    this.#holds.delete(url);
    return 0;
  }
}
