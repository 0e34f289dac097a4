/** Renewals of one device in a minute: it needs one in months, and a few more when answers are lost. */
const MOST_A_MINUTE = 6;
const MINUTE_MS = 60_000;

/** Keeps one device from having certificates signed, and records written, without end. Holds those that asked within a minute or two. */
export class RenewalBound {
  /** When each began, by node. */
  #recent = new Map<string, number[]>();
  #sweptMs = Number.NEGATIVE_INFINITY;

  /** @returns the wait before the next one may come, in milliseconds; 0: this one may go on, and counts */
  take(nodeName: string, nowMs: number): number {
    this.#sweep(nowMs);
    const begun = (this.#recent.get(nodeName) ?? []).filter((atMs) => nowMs - atMs < MINUTE_MS);
    const [oldest = nowMs] = begun;
    if (begun.length >= MOST_A_MINUTE) return oldest + MINUTE_MS - nowMs;
    begun.push(nowMs);
    this.#recent.set(nodeName, begun);
    return 0;
  }

  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptMs < MINUTE_MS) return;
    this.#sweptMs = nowMs;
    for (const [nodeName, begun] of this.#recent) {
      if (begun.every((atMs) => nowMs - atMs >= MINUTE_MS)) this.#recent.delete(nodeName);
    }
  }
}
