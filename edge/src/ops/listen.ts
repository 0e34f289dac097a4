import { HawserError } from '@hawser/protocol';

/** Where something listens, for the message of a failure: `setting` is the section of the configuration. */
export interface ListenPlace {
  readonly address: string;
  readonly port: number;
  readonly what: string;
  readonly setting: string;
}

/** A failure to listen, in words of the configuration. */
export function listenFailure(cause: unknown, { address, port, what, setting }: ListenPlace): HawserError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'EADDRINUSE') {
    const advice = `stop what listens there, or set ${setting}.port to another`;
    return new HawserError('address_in_use', `port ${port} on ${address} is in use, and ${what} needs it: ${advice}`, { cause });
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new HawserError('bad_config', `${setting}: ${what} cannot listen on ${address} port ${port}: ${reason}`, { cause });
}
