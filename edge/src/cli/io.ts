/** What a command line has of the outside. */
export interface CliIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** Whether a person sees both as they come. Default: nobody does. */
  readonly isTerminal?: boolean;
  readonly now: () => Date;
  readonly hostName: () => string;
  /** From the first call on, SIGINT and SIGTERM end no process, but are told by this. */
  readonly interrupted: () => AbortSignal;
}
