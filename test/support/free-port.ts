import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';

/** Below are ports of well-known programs; above, up to where the kernel's own begin, some twenty thousand that few use. */
const LOWEST_PORT = 10_000;
/** Where the kernel takes ports for who asks for none; what it says on Linux. */
const KERNELS_PORTS = '/proc/sys/net/ipv4/ip_local_port_range';
const TRIES = 100;

/** Held until this process ends. */
const claims: Server[] = [];

/**
 * A port of loopback that nobody takes before this process ends, for programs that do not say which they have taken, for those that come
 * back to theirs, and for a place where nobody is to listen. It is none of those that the kernel gives out, to whoever listens on port 0 or dials
 * from one, and a name in the abstract namespace of Unix sockets keeps other tests of this machine from it.
 */
export async function freePort(): Promise<number> {
  const end = existsSync(KERNELS_PORTS) ? Number.parseInt(readFileSync(KERNELS_PORTS, 'utf8'), 10) : 0;
  if (end <= LOWEST_PORT) return kernelsPort();
  for (let tried = 0; tried < TRIES; tried += 1) {
    const port = randomInt(LOWEST_PORT, end);
    const claim = await listening({ path: `\0hawser-test-port-${port}` });
    if (claim === undefined) continue;
    const trial = await listening({ port, host: '127.0.0.1' });
    if (trial !== undefined) {
      await closed(trial);
      claims.push(claim.unref());
      return port;
    }
    await closed(claim);
  }
  throw new Error(`no free port in ${TRIES} tries`);
}

/** A port that nobody had a moment ago: all that there is where the kernel gives out every port. */
async function kernelsPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  await closed(server);
  return address.port;
}

/** Undefined where somebody listens there already. */
function listening(
  at: { readonly path: string } | { readonly port: number; readonly host: string },
): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('listening', () => resolve(server));
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen({ ...at });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
