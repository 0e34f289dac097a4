import type { FailureKind } from './target.ts';

/** Between the process that fuzzes and the one that watches over it. */
export interface Job {
  readonly target: string;
  readonly seed: number;
  /** Number of the first input. */
  readonly first: number;
  /** Ends after so many inputs, or so many milliseconds, whichever is first. */
  readonly runs: number;
  readonly ms: number;
  /** Only these, in place of made ones. */
  readonly inputs: readonly Uint8Array[] | undefined;
}

export type WorkerMessage =
  | { readonly type: 'ready' }
  /** A sign of life, once a second at least. `done`: inputs of this job. */
  | { readonly type: 'progress'; readonly done: number }
  | {
      readonly type: 'found';
      readonly place: number;
      readonly kind: FailureKind;
      readonly message: string;
      readonly input: Uint8Array;
    }
  | { readonly type: 'done'; readonly done: number }
  /** Of the fuzzer itself, or of what a target needs to begin. */
  | { readonly type: 'fault'; readonly message: string };
