export interface TrafficCount {
  readonly direction: 'in' | 'out';
  readonly type: string;
  messages: number;
  bytes: number;
}

/**
 * Messages of all links since the start. Counted here and told when metrics are read: a change may mean thousands of messages, and a
 * counter with labels takes as long for each as its encoding does.
 */
export class Traffic {
  readonly #counts = { in: new Map<string, TrafficCount>(), out: new Map<string, TrafficCount>() };

  /** @param type of the closed set of messages */
  count(direction: TrafficCount['direction'], type: string, bytes: number): void {
    const known = this.#counts[direction].get(type);
    if (known === undefined) {
      this.#counts[direction].set(type, { direction, type, messages: 1, bytes });
      return;
    }
    known.messages += 1;
    known.bytes += bytes;
  }

  *counts(): Generator<Readonly<TrafficCount>> {
    yield* this.#counts.in.values();
    yield* this.#counts.out.values();
  }
}
