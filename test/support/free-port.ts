import { once } from 'node:events';
import { createServer } from 'node:net';

/** A port of loopback that nobody had a moment ago, for programs that do not say which they have taken. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  await new Promise((resolve) => server.close(resolve));
  return address.port;
}
