import { connect, createServer, type Socket } from 'node:net';

/** One address before several, as a Service with its kube-proxy: each new connection goes to the next that is ready. */
export interface Service {
  /** New connections go to these from now on; those that stand stay where they are. */
  setEndpoints(addresses: readonly string[]): void;
  close(): Promise<void>;
}

/** @param address where it listens, on the port that its endpoints have */
export async function startService(address: string, port: number): Promise<Service> {
  let endpoints: readonly string[] = [];
  let next = 0;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const host = endpoints[next++ % endpoints.length];
    if (host === undefined) {
      client.destroy();
      return;
    }
    const target = connect({ host, port });
    for (const [one, other] of [
      [client, target],
      [target, client],
    ] as const) {
      open.add(one);
      // Whoever has gone tells the other by its end.
      one.on('error', () => other.destroy());
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, resolve);
  });
  return {
    setEndpoints: (addresses) => {
      endpoints = addresses;
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

/** An address of loopback that no other test has: 24 random bits. */
export function freshAddress(random: () => number = Math.random): string {
  const byte = (least: number) => least + Math.floor(random() * (255 - least));
  return `127.${byte(1)}.${byte(0)}.${byte(2)}`;
}
