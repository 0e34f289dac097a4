import { createServer, type Server, type Socket } from 'node:net';
import { listen } from '../ops/listen.ts';

/**
 * Listening sockets of the one port. The event loop takes one connection from each in a turn and not more, whatever else waits (as libuv
 * accepts), and a turn in which hundreds of links have something to say takes tens of milliseconds, on a busy machine a second: with a single
 * socket, hundreds of devices that come back after a loss would be taken one in each, and stay outside for minutes while there is
 * room. With eight a turn takes some 40 ms longer at most, at 5 ms for TLS and the first sync.
 */
const DOORS = 8;

export interface DoorsOptions {
  /** Connections at a time, through all doors; one more is closed. */
  readonly most: number;
  readonly onConnection: (socket: Socket) => void;
  readonly onRefused: () => void;
  /** Default 8 on Linux, where the kernel spreads connections over sockets of one port; 1 elsewhere. */
  readonly count?: number;
}

export interface Doors {
  /** Resolves to the port, the real one where 0 was asked for. @throws as `listen`, also when others of our own kind listen there */
  open(at: { readonly address: string; readonly port: number }): Promise<number>;
  /** Takes no more connections, and resolves when those there are have ended. */
  close(): Promise<void>;
}

const WHAT = 'agents';
const SETTING = 'link';

export function createDoors({ most, onConnection, onRefused, count }: DoorsOptions): Doors {
  const doors = count ?? (process.platform === 'linux' ? DOORS : 1);
  const servers: Server[] = [];
  let connections = 0;

  // Without delay, as servers of HTTPS are.
  const make = () => createServer({ noDelay: true }, take);

  function take(socket: Socket): void {
    if (connections >= most) {
      onRefused();
      socket.on('error', () => undefined).destroy();
      return;
    }
    connections += 1;
    socket.once('close', () => {
      connections -= 1;
    });
    onConnection(socket);
  }

  return {
    async open({ address, port }) {
      if (doors > 1 && port !== 0) {
        // Whoever shares a port would share it with another relay, started there by mistake; this one shares with nobody.
        const alone = createServer();
        await listen(alone, { address, port }, WHAT, SETTING);
        await closed(alone);
      }
      let at = { address, port };
      for (let door = 0; door < doors; door += 1) {
        const server = make();
        servers.push(server);
        at = { address, port: await listen(server, { ...at, reusePort: doors > 1 }, WHAT, SETTING) };
      }
      return at.port;
    },
    async close() {
      await Promise.all(servers.map(closed));
    },
  };
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
