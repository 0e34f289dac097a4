import { HawserError } from '@hawser/protocol';
import type { LocalEvents } from './local-events.ts';
import type { OutboxSize, Size } from './outbox-size.ts';
import type { DropReason, StoreLimits } from './types.ts';

export interface OutboxRoomParts {
  readonly size: OutboxSize;
  readonly events: LocalEvents;
  readonly limits: Pick<StoreLimits, 'outboxEntries' | 'outboxBytes'>;
}

/** Keeps the outbox as a whole within its bounds: Events make room for what may not be lost. */
export class OutboxRoom {
  readonly #parts: OutboxRoomParts;

  constructor(parts: OutboxRoomParts) {
    this.#parts = parts;
  }

  /**
   * Within a transaction, before so much is added to that row, which stays.
   * @throws HawserError `too_large` when that is over a bound and no Event is left to drop
   */
  require(added: Size, written: number): void {
    const { events, limits } = this.#parts;
    if (this.#over(added) === undefined) return;
    events.makeRoom(written, () => this.#over(added));
    const over = this.#over(added);
    if (over === undefined) return;
    const { entries, bytes } = this.#parts.size.waiting();
    const bound = over === 'count' ? `${limits.outboxEntries} entries` : `${limits.outboxBytes} bytes`;
    throw new HawserError(
      'too_large',
      `the outbox has no room for ${added.bytes} bytes more: ${entries} entries of ${bytes} bytes wait for the cloud, and at most ${bound} are ` +
        'kept',
    );
  }

  #over(added: Size): DropReason | undefined {
    const { size, limits } = this.#parts;
    const { entries, bytes } = size.waiting();
    if (added.entries > 0 && entries + added.entries > limits.outboxEntries) return 'count';
    return added.bytes > 0 && bytes + added.bytes > limits.outboxBytes ? 'bytes' : undefined;
  }
}
