/** Exit codes of the command. */
export const EXIT = {
  /** Stopped by a signal, or all was said that was asked for. */
  ok: 0,
  /** It could not start or go on (a port in use), or what was asked for is not there. */
  failed: 1,
  /** The command line or a setting is wrong: trying again changes nothing. */
  usage: 2,
} as const;

/** What was asked for cannot be given: one or more lines for stderr, without the name of the command. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exitCode: number;
  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
