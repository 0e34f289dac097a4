/** Exit codes of all commands. */
export const EXIT = {
  /** Stopped by a signal, or all was said and done that was asked for. */
  ok: 0,
  /** It could not start, go on or do what was asked for: a port in use, an API server that is away or refuses. */
  failed: 1,
  /** The command line or a setting is wrong: starting it again changes nothing. */
  usage: 2,
} as const;
