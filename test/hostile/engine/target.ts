import { HawserError, PatchError } from '@hawser/protocol';
import type { Arbitrary } from 'fast-check';
import type { Random } from '../../model/random.ts';

/** What a decoder did with an input. Anything that it throws and that is no refusal is a crash. */
export type Verdict = 'taken' | 'refused';

export interface Bounds {
  /** What one input may take of the thread's time, in milliseconds: other processes do not count, however busy the machine. */
  readonly ms: number;
  /** By how much the process may grow while one input is looked at, in bytes: heap, buffers and native memory. */
  readonly bytes: number;
  /** The longest input that is tried, in bytes: what the border in front of the decoder lets through, or what is worth trying. */
  readonly inputBytes: number;
}

/** Makes another input of one. @param others more of the same corpus, to take parts from */
export type Mutator = (random: Random, input: Uint8Array, others: readonly Uint8Array[]) => Uint8Array;

/** One decoder, or one place where bytes come in from outside. */
export interface Target {
  /** As `--target` names it. */
  readonly name: string;
  /** One line for `--help`. */
  readonly what: string;
  /** Folders below `corpus/` that its inputs begin from. */
  readonly corpus: readonly string[];
  readonly bounds: Bounds;
  /** Mutators that know the form of its inputs; those of plain bytes are always there. */
  readonly mutators: readonly Mutator[];
  /** Inputs of the right form with random contents. */
  readonly shape?: Arbitrary<Uint8Array>;
  /** Makes what inputs are given to: once, and again after each failure. */
  open(): Opened | Promise<Opened>;
}

export interface Opened {
  run(input: Uint8Array): Verdict | Promise<Verdict>;
  /** For what keeps a state: a text that is another when the state is. A refused input must leave it as it was. */
  state?(): string | Promise<string>;
  close?(): void | Promise<void>;
}

/** How an input failed. `died`: the process did not survive it, or had to be killed. */
export type FailureKind = 'crash' | 'hang' | 'memory' | 'effect' | 'died';

export interface Failure {
  readonly kind: FailureKind;
  /** What happened, for a person: of a crash the stack. */
  readonly message: string;
}

/** The two ways in which everything of ours refuses. */
export function isRefusal(error: unknown): boolean {
  return error instanceof HawserError || error instanceof PatchError;
}

/** @param refuses the decoder's own errors, where it has others than {@link isRefusal} */
export function attempt(work: () => unknown, refuses: (error: unknown) => boolean = isRefusal): Verdict {
  try {
    work();
    return 'taken';
  } catch (error) {
    if (refuses(error)) return 'refused';
    throw error;
  }
}
