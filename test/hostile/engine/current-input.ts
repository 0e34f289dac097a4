import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

const HEADER_BYTES = 8;

/** What is being tried, in a file: whoever finds the process dead reads there what it died of. */
export class CurrentInput {
  readonly #file: number;
  readonly #header = Buffer.alloc(HEADER_BYTES);

  constructor(path: string) {
    this.#file = openSync(path, 'w', 0o600);
  }

  set(place: number, input: Uint8Array): void {
    this.#header.writeUInt32LE(place, 0);
    this.#header.writeUInt32LE(input.length, 4);
    writeSync(this.#file, this.#header, 0, HEADER_BYTES, 0);
    writeSync(this.#file, input, 0, input.length, HEADER_BYTES);
  }

  close(): void {
    closeSync(this.#file);
  }

  /** Undefined where nothing was tried yet. */
  static read(path: string): { readonly place: number; readonly input: Uint8Array } | undefined {
    const bytes = readFileSync(path);
    if (bytes.length < HEADER_BYTES) return undefined;
    const length = bytes.readUInt32LE(4);
    return { place: bytes.readUInt32LE(0), input: new Uint8Array(bytes.subarray(HEADER_BYTES, HEADER_BYTES + length)) };
  }
}
