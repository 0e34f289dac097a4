/** What a run did, so that a schedule that does nothing is seen. Counters by name, in the order in which they first came. */
export class Figures {
  readonly steps = new Map<string, number>();
  readonly operations = new Map<string, number>();
  readonly events = new Map<string, number>();
  readonly checks = new Map<string, number>();

  add(where: 'steps' | 'operations' | 'events' | 'checks', name: string, count = 1): void {
    this[where].set(name, (this[where].get(name) ?? 0) + count);
  }

  merge(other: Figures): void {
    for (const where of ['steps', 'operations', 'events', 'checks'] as const) {
      for (const [name, count] of other[where]) this.add(where, name, count);
    }
  }
}
