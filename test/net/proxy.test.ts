import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type LinkProxyOptions, startLinkProxy } from './proxy.ts';

async function echoThrough(t: TestContext, options: Omit<LinkProxyOptions, 'targetPort'>) {
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).pipe(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await startLinkProxy({ ...options, targetPort: (server.address() as AddressInfo).port });
  t.after(async () => {
    await proxy.close();
    server.close();
  });
  const open = async () => {
    const socket = connect(proxy.port, '127.0.0.1');
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  return { proxy, open };
}

test('bytes pass unchanged, later by the delay of both directions, and are counted', async (t) => {
  const { proxy, open } = await echoThrough(t, { delayMs: 25 });
  const socket = await open();
  const start = performance.now();
  socket.write('hello');
  const [answer] = await once(socket, 'data');
  assert.equal(answer.toString(), 'hello');
  assert.ok(performance.now() - start >= 49);
  assert.deepEqual(proxy.counted(), { up: 5, down: 5, connections: 1 });
});

test('a rate is held, and everything arrives', async (t) => {
  const { open } = await echoThrough(t, { bytesPerSecond: 100_000 });
  const socket = await open();
  const start = performance.now();
  socket.write(Buffer.alloc(30_000, 'x'));
  let received = 0;
  for await (const chunk of socket) {
    received += chunk.length;
    if (received === 30_000) break;
  }
  assert.ok(performance.now() - start >= 300, 'each direction takes 300 ms, one after the other at the least');
});

test('a frozen link stays open and silent, and delivers when it thaws', async (t) => {
  const { proxy, open } = await echoThrough(t, {});
  const socket = await open();
  proxy.freeze();
  socket.write('held');
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(proxy.counted().up, 0);
  assert.equal(socket.destroyed, false);
  proxy.restore();
  const [answer] = await once(socket, 'data');
  assert.equal(answer.toString(), 'held');
});

test('a cut link closes what is open and refuses what is new until it is restored', async (t) => {
  const { proxy, open } = await echoThrough(t, {});
  const first = await open();
  proxy.cut();
  await once(first, 'close');
  const second = await open();
  await once(second, 'close');
  proxy.restore();
  const third = await open();
  third.write('back');
  const [answer] = await once(third, 'data');
  assert.equal(answer.toString(), 'back');
});
