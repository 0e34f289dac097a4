import type { Server } from 'node:net';
import { HawserError } from '@hawser/protocol';

export interface ListenAt {
  readonly address: string;
  readonly port: number;
  /** Beside other sockets of that port which say the same; the kernel spreads connections over them. Default false. */
  readonly reusePort?: boolean;
}

/**
 * Listens and resolves to the port, the real one where 0 was asked for. `what` and `setting` are for the message of a failure.
 * @throws HawserError `address_in_use`, or `bad_config` for an address that cannot be listened on
 */
export function listen(server: Server, at: ListenAt, what: string, setting: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => reject(explain(cause, at, what, setting));
    server.once('error', fail);
    server.listen({ host: at.address, port: at.port, reusePort: at.reusePort ?? false }, () => {
      server.removeListener('error', fail);
      const bound = server.address();
      resolve(typeof bound === 'object' && bound !== null ? bound.port : at.port);
    });
  });
}

function explain(cause: Error, { address, port }: ListenAt, what: string, setting: string): HawserError {
  const code = 'code' in cause ? cause.code : undefined;
  if (code === 'EADDRINUSE') {
    const message = `port ${port} on ${address} is in use: stop what listens there, or set ${setting}.port to another for ${what}`;
    return new HawserError('address_in_use', message, { cause });
  }
  const reason = code === 'EACCES' ? 'the port needs more rights' : cause.message;
  return new HawserError('bad_config', `${setting}: cannot listen on ${address} port ${port} for ${what}: ${reason}`, { cause });
}
