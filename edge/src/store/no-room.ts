import { HawserError } from '@hawser/protocol';

/** The disk has no room for what was to be stored: it may be stored later as it is, which other things that are too large may not. */
export class NoRoomError extends HawserError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('too_large', message, options);
  }
}
