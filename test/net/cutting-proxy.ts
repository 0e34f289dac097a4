import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * A TCP proxy that passes so many bytes of what the relay sends, over all connections, and then cuts both sides: what was asked has been
 * done there, and the answer is lost.
 */
export async function startCuttingProxy(port: number, bytes: number, onCut: () => void) {
  const sockets = new Set<Socket>();
  let passed = 0;
  const server = createServer((client) => {
    const relay = connect(port, '127.0.0.1');
    for (const socket of [client, relay]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    client.on('data', (chunk) => relay.write(chunk)).on('close', () => relay.destroy());
    relay.on('close', () => client.destroySoon());
    relay.on('data', (chunk: Buffer) => {
      client.write(chunk.subarray(0, Math.max(0, bytes - passed)));
      passed += chunk.length;
      if (passed < bytes) return;
      onCut();
      client.destroySoon();
      relay.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `wss://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passed: () => passed,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
