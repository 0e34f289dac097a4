import { Pieces } from './pieces.ts';

const LINE_FEED = 0x0a;

/** Splits a watch's body into lines: chunks in, whole lines out, wherever the chunks end. */
export class LineSplitter {
  readonly #rest: Pieces;

  /** @param maxBytes of one line; at a longer one `push` throws HawserError `too_large` */
  constructor(maxBytes: number, what: string) {
    this.#rest = new Pieces(maxBytes, what);
  }

  /** Calls `onLine` for each line that ends in this chunk, empty ones left out; the bytes are good only during the call. */
  push(chunk: Uint8Array, onLine: (line: Uint8Array) => void): void {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      const line = this.#rest.join(chunk.subarray(start, end));
      start = end + 1;
      if (line.length > 0) onLine(line);
    }
    if (start < chunk.length) this.#rest.append(chunk.subarray(start));
  }
}
