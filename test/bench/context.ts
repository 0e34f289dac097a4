import type { Workspace } from './workspace.ts';

/** What each benchmark is given beside its options. */
export interface BenchContext extends Workspace {
  /** For Node itself, before the programs that are measured. */
  readonly nodeFlags: readonly string[];
  /** Settings of the agents beside the benchmark's own, by flag. */
  readonly agentFlags: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** One line of progress. */
  readonly say: (line: string) => void;
}
