import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

const HEADER_BYTES = 8;
/** In place of a length: the input is being made. */
const BEING_MADE = 0xffff_ffff;

/** What is being tried, in a file: whoever finds the process dead reads there what it died of. */
export class CurrentInput {
  readonly #file: number;
  readonly #header = Buffer.alloc(HEADER_BYTES);

  constructor(path: string) {
    this.#file = openSync(path, 'w', 0o600);
  }

  making(place: number): void {
    this.#writeHeader(place, BEING_MADE);
  }

  set(place: number, input: Uint8Array): void {
    this.#writeHeader(place, input.length);
    writeSync(this.#file, input, 0, input.length, HEADER_BYTES);
  }

  close(): void {
    closeSync(this.#file);
  }

  #writeHeader(place: number, length: number): void {
    this.#header.writeUInt32LE(place, 0);
    this.#header.writeUInt32LE(length, 4);
    writeSync(this.#file, this.#header, 0, HEADER_BYTES, 0);
  }

  /** Undefined where nothing was tried yet; without an input where it was being made. */
  static read(path: string): { readonly place: number; readonly input: Uint8Array | undefined } | undefined {
    const bytes = readFileSync(path);
    if (bytes.length < HEADER_BYTES) return undefined;
    const place = bytes.readUInt32LE(0);
    const length = bytes.readUInt32LE(4);
    if (length === BEING_MADE) return { place, input: undefined };
    return { place, input: new Uint8Array(bytes.subarray(HEADER_BYTES, HEADER_BYTES + length)) };
  }
}
