import { HawserError } from '@hawser/protocol';
import { Pieces } from './pieces.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** What of a list is not its items: kind, apiVersion and metadata with its continue token. They take some 300 bytes. */
const MAX_ENVELOPE_BYTES = 64 * 1024;

/**
 * Where in the text the next byte stands.
 * - envelope: outside the items; to `firstItem` after `"items": [` in the outermost object
 * - firstItem: an item or the end of the array; to `item` or `envelope`
 * - item: within an item's object; to `separator` when its braces are closed
 * - separator: a comma or the end of the array; to `nextItem` or `envelope`
 * - nextItem: an item; to `item`
 */
type Place = 'envelope' | 'firstItem' | 'item' | 'separator' | 'nextItem';

/**
 * Splits the answer to a list request into its items without holding more than one of them: chunks in, each item's bytes out,
 * wherever the chunks end. Braces and brackets in strings do not count, and neither does an `items` deeper down. What is left,
 * with an empty array in the items' place, is the envelope.
 *
 * An item's bytes are balanced but not otherwise checked: whoever parses one finds out.
 */
export class ListSplitter {
  readonly #item: Pieces;
  readonly #envelope = new Pieces(MAX_ENVELOPE_BYTES, 'a list without its items');
  #place: Place = 'envelope';
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  /** Where in the envelope the string that stands open, or was last closed, begins. */
  #stringStart = 0;
  /** The last significant bytes of the envelope were the key `"items"`, or that and a colon. */
  #key: 'none' | 'items' | 'itemsColon' = 'none';
  #hasItems = false;

  /** @param maxItemBytes at a longer item `push` throws HawserError `too_large` */
  constructor(maxItemBytes: number) {
    this.#item = new Pieces(maxItemBytes, 'an item of a list');
  }

  /**
   * Calls `onItem` for each item that ends in this chunk; the bytes are good only during the call.
   * @throws HawserError `malformed_object`, `too_large`
   */
  push(chunk: Uint8Array, onItem: (item: Uint8Array) => void): void {
    let at = 0;
    while (at < chunk.length) {
      at = this.#place === 'item' ? this.#scanItem(chunk, at, onItem) : this.#scanOutside(chunk, at);
    }
  }

  /**
   * The list without its items, as JSON text.
   * @throws HawserError `malformed_object` when the answer is not whole: broken off, empty, no list
   */
  end(): string {
    if (this.#place !== 'envelope' || this.#depth !== 0 || this.#isInString || this.#envelope.length === 0) {
      throw new HawserError('malformed_object', 'the list ends before its end');
    }
    return Buffer.from(this.#envelope.view()).toString('utf8');
  }

  /** Returns where to go on: after the item, or the chunk's end. */
  #scanItem(chunk: Uint8Array, from: number, onItem: (item: Uint8Array) => void): number {
    let depth = this.#depth;
    let isInString = this.#isInString;
    let isEscaped = this.#isEscaped;
    for (let at = from; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (isInString) {
        if (isEscaped) isEscaped = false;
        else if (byte === BACKSLASH) isEscaped = true;
        else if (byte === QUOTE) isInString = false;
      } else if (byte === QUOTE) {
        isInString = true;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        depth += 1;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        depth -= 1;
        if (depth === 1) {
          this.#depth = 1;
          this.#isInString = false;
          this.#isEscaped = false;
          this.#place = 'separator';
          onItem(this.#item.join(chunk.subarray(from, at + 1)));
          return at + 1;
        }
      }
    }
    this.#depth = depth;
    this.#isInString = isInString;
    this.#isEscaped = isEscaped;
    this.#item.append(chunk.subarray(from));
    return chunk.length;
  }

  #scanOutside(chunk: Uint8Array, at: number): number {
    const byte = chunk[at] ?? 0;
    if (this.#place === 'envelope') return this.#scanEnvelope(chunk, at, byte);
    if (isSpace(byte)) return at + 1;
    if (byte === OPEN_BRACE && this.#place !== 'separator') {
      this.#place = 'item';
      this.#depth = 1;
      return at;
    }
    if (byte === COMMA && this.#place === 'separator') {
      this.#place = 'nextItem';
      return at + 1;
    }
    if (byte === CLOSE_BRACKET && this.#place !== 'nextItem') {
      this.#place = 'envelope';
      this.#envelope.append(EMPTY_ARRAY);
      return at + 1;
    }
    throw new HawserError('malformed_object', 'the items of the list are no array of objects');
  }

  #scanEnvelope(chunk: Uint8Array, at: number, byte: number): number {
    const key = this.#key;
    if (!this.#isInString && byte === OPEN_BRACKET && key === 'itemsColon') {
      if (this.#hasItems) throw new HawserError('malformed_object', 'the list has two arrays of items');
      this.#hasItems = true;
      this.#key = 'none';
      this.#place = 'firstItem';
      return at + 1;
    }
    this.#envelope.append(chunk.subarray(at, at + 1));
    if (this.#isInString) {
      this.#inEnvelopeString(byte);
    } else if (!isSpace(byte)) {
      this.#key = key === 'items' && byte === COLON ? 'itemsColon' : 'none';
      if (byte === QUOTE) {
        this.#isInString = true;
        this.#stringStart = this.#envelope.length;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#depth += 1;
      else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) this.#depth -= 1;
    }
    return at + 1;
  }

  #inEnvelopeString(byte: number): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (byte === BACKSLASH) this.#isEscaped = true;
    else if (byte === QUOTE) {
      this.#isInString = false;
      // Only a key is followed by a colon, so a value that says "items" changes nothing.
      const text = this.#envelope.view().subarray(this.#stringStart, -1);
      if (this.#depth === 1 && text.length === ITEMS.length && ITEMS.every((letter, i) => text[i] === letter))
        this.#key = 'items';
    }
  }
}

const ITEMS = new TextEncoder().encode('items');
const EMPTY_ARRAY = new TextEncoder().encode('[]');

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
