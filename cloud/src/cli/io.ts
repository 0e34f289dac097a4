import type { Command } from 'commander';

/** Where a command reads and writes, apart from the API server. */
export interface CliIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** Its size where what is written is shown by a terminal that takes control sequences. Default: it is none. */
  readonly terminal?: () => { readonly columns: number; readonly rows: number } | undefined;
  /** Ends what goes on until it is ended. Default: the process is ended by its signals. */
  readonly signal?: AbortSignal;
}

/** Adds one group of commands (`hawser-relay GROUP …`) to the program. Errors are HawserErrors: `bad_config` exits with 2, others with 1. */
export type CommandGroup = (program: Command, io: CliIo) => void;
