import type { RelayMessage } from '@hawser/protocol';

/** What a relay's word means depends on what came before it: these are taken in order. Everything else may overtake them. */
const IN_ORDER = ['batch', 'status', 'inventoryRequest'] as const;

export type OrderedMessage = Extract<RelayMessage, { type: (typeof IN_ORDER)[number] }>;

/** A relay has at most eight batches under way, and few words between them. At the bound the link is ended, and the messages come again. */
export const MOST_HELD_MESSAGES = 32;
/** Bytes of their frames: four times what a relay has under way, or one object that is larger alone. At the bound as above. */
export const MOST_HELD_BYTES = 4 * 1024 * 1024;

export function isInOrder(message: RelayMessage): message is OrderedMessage {
  return IN_ORDER.some((type) => type === message.type);
}

/** Messages of one link that could not be taken yet, since the disk has no room for the first of them. */
export class HeldMessages {
  readonly #messages: { readonly message: OrderedMessage; readonly bytes: number }[] = [];
  #bytes = 0;

  /** @returns false at a bound: it is not held */
  push(message: OrderedMessage, bytes: number): boolean {
    const isFull = this.#messages.length >= MOST_HELD_MESSAGES || this.#bytes + bytes > MOST_HELD_BYTES;
    if (isFull && !this.isEmpty()) return false;
    this.#messages.push({ message, bytes });
    this.#bytes += bytes;
    return true;
  }

  isEmpty(): boolean {
    return this.#messages.length === 0;
  }

  /** Gives them to `take`, oldest first; one that throws stays, with all behind it. */
  take(take: (message: OrderedMessage) => void): void {
    for (let first = this.#messages[0]; first !== undefined; first = this.#messages[0]) {
      take(first.message);
      this.#messages.shift();
      this.#bytes -= first.bytes;
    }
  }

  clear(): void {
    this.#messages.length = 0;
    this.#bytes = 0;
  }
}
