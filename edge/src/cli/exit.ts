/** Exit codes of the command. */
export const EXIT = {
  /** Stopped by a signal, or all was said that was asked for. */
  ok: 0,
  /** It could not start or go on (a port in use), or what was asked for is not there. */
  failed: 1,
  /** The command line or a setting is wrong: trying again changes nothing. */
  usage: 2,
  /** `query`: the cluster has no such object, or had none when it was asked. */
  notFound: 3,
  /** `query`: this node may not see it. Whether it is there is not said. */
  forbidden: 4,
  /** `query`: there is a link and no answer now. `join`: no relay has answered so that it could join; it may later. */
  unavailable: 5,
  /** `query`: there is no link, and nothing on the device that may stand for the cloud's answer. */
  unknown: 6,
  /** `query`: another answer that is for good. `join`: the relay has refused. */
  refused: 7,
  /** `join`: this device has joined as another node, or by another authority. */
  joinedAsOther: 8,
  /** `join`: nobody who could be trusted has answered. */
  untrusted: 9,
  /** Ended by Ctrl-C, as shells count it. */
  interrupted: 130,
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
