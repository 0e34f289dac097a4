/** What the memory test tells its two processes, and hears from them. */
export interface ServerOrder {
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly secrets: number;
  /** Of each Secret's data. */
  readonly bytes: number;
  /** Refuses streaming lists when false. */
  readonly hasWatchList: boolean;
}

export interface ServerReady {
  readonly url: string;
}

export interface ReaderOrder {
  readonly url: string;
  readonly caPem: string;
  readonly secrets: number;
}

export interface ReaderReport {
  /** Highest resident memory so far, in MB of 1,000,000 bytes. */
  readonly peakMb: number;
  readonly upserts: number;
  /** Keys that the consumer holds versions of. */
  readonly held: number;
  readonly after: 'start' | 'list' | 'changes';
}
