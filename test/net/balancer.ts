import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * A plain TCP load balancer: each connection goes to the next target in turn, and on to the one after it where nobody listens or where it
 * is not to go now. It knows nothing of TLS, and which target a connection has come to, nobody else can say.
 */
export interface Balancer {
  readonly port: number;
  /** Connections that each target has taken, in the order of the targets. */
  taken(): readonly number[];
  /** Connections that each target has now. */
  open(): readonly number[];
  /** Bytes passed both ways since it began, TLS and all. */
  bytes(): number;
  close(): Promise<void>;
}

/** @param mayTake whether new connections go to that target now. Default: to all */
export async function startBalancer(
  targets: readonly number[],
  mayTake: (index: number) => boolean = () => true,
): Promise<Balancer> {
  const sockets = new Set<Socket>();
  const taken = targets.map(() => 0);
  const open = targets.map(() => 0);
  let bytes = 0;
  let next = 0;

  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket
      .on('error', () => {})
      .on('close', () => {
        sockets.delete(socket);
        bytes += socket.bytesRead;
      });
  };
  const pass = (client: Socket, left: number) => {
    const index = next % targets.length;
    next += 1;
    if (!mayTake(index)) {
      if (left > 1) pass(client, left - 1);
      else client.destroy();
      return;
    }
    const target = connect(targets[index] ?? 0, '127.0.0.1');
    keep(target);
    target.once('connect', () => {
      taken[index] = (taken[index] ?? 0) + 1;
      open[index] = (open[index] ?? 0) + 1;
      target.once('close', () => {
        open[index] = (open[index] ?? 0) - 1;
      });
      client.pipe(target).pipe(client);
      client.on('close', () => target.destroy());
      target.on('close', () => client.destroy());
    });
    target.once('error', () => {
      if (!target.connecting && target.bytesRead === 0 && left > 1) pass(client, left - 1);
      else client.destroy();
    });
  };
  const server = createServer((client) => {
    keep(client);
    pass(client, targets.length);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    taken: () => [...taken],
    open: () => [...open],
    bytes: () => [...sockets].reduce((sum, { bytesRead }) => sum + bytesRead, bytes),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
