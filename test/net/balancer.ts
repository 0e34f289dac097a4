import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * A plain TCP load balancer: each connection goes to the next target in turn, and on to the one after it where nobody listens. It knows
 * nothing of TLS, and which target a connection has come to, nobody else can say.
 */
export interface Balancer {
  readonly port: number;
  /** Connections that each target has taken, in the order of the targets. */
  taken(): readonly number[];
  close(): Promise<void>;
}

export async function startBalancer(targets: readonly number[]): Promise<Balancer> {
  const sockets = new Set<Socket>();
  const taken = targets.map(() => 0);
  let next = 0;

  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  };
  const pass = (client: Socket, left: number) => {
    const index = next % targets.length;
    next += 1;
    const target = connect(targets[index] ?? 0, '127.0.0.1');
    keep(target);
    target.once('connect', () => {
      taken[index] = (taken[index] ?? 0) + 1;
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
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
