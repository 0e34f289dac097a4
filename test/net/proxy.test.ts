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

test('each direction has a rate and a delay of its own, and both change while the link stands', async (t) => {
  const { proxy, open } = await echoThrough(t, { up: { delayMs: 60 }, down: { bytesPerSecond: 20_000 } });
  const socket = await open();
  const exchange = async (bytes: number) => {
    const start = performance.now();
    socket.write(Buffer.alloc(bytes, 'x'));
    for (let received = 0; received < bytes; ) received += (await once(socket, 'data'))[0].length;
    return performance.now() - start;
  };
  assert.ok((await exchange(4_000)) >= 259, '60 ms up, then 200 ms down');
  proxy.shape({ up: { delayMs: 0 }, down: { bytesPerSecond: 100_000, delayMs: 30 } });
  assert.ok((await exchange(1_000)) >= 39, '10 ms and 30 ms down');
  // What is slower here than the shape before is the machine's fault, what is faster is not: the old delay is gone.
  const times = [];
  for (let n = 0; n < 5; n++) times.push(await exchange(1));
  assert.ok(Math.min(...times) < 60, `${times}`);
});

test('a link that is frozen in one direction passes the other one', async (t) => {
  const arrived: string[] = [];
  const server = createServer((socket) => {
    socket.on('data', (data) => arrived.push(data.toString()));
    socket.on('error', () => undefined);
    setInterval(() => socket.destroyed || socket.write('tick'), 10).unref();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await startLinkProxy({ targetPort: (server.address() as AddressInfo).port });
  t.after(async () => {
    await proxy.close();
    server.close();
  });
  const socket = connect(proxy.port, '127.0.0.1');
  await once(socket, 'data');
  proxy.freeze('up');
  socket.write('held');
  for (let n = 0; n < 5; n++) await once(socket, 'data');
  assert.deepEqual(arrived, []);
  proxy.restore();
  proxy.freeze('down');
  socket.write(' passes');
  while (arrived.join('') !== 'held passes') await new Promise((resolve) => setTimeout(resolve, 5));
  proxy.resetCount();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(proxy.counted().down, 0);
  proxy.restore();
  await once(socket, 'data');
});

test('a frozen direction is read no further: what its sender may have under way is bounded', async (t) => {
  const server = createServer((socket) => socket.on('error', () => undefined));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await startLinkProxy({ targetPort: (server.address() as AddressInfo).port });
  t.after(async () => {
    await proxy.close();
    server.close();
  });
  const [accepted] = (await Promise.all([once(server, 'connection'), connect(proxy.port, '127.0.0.1')]))[0];
  proxy.freeze('down');
  const chunk = Buffer.alloc(1024 * 1024);
  for (let n = 0; n < 64; n++) accepted.write(chunk);
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.ok(accepted.writableLength > 32 * 1024 * 1024, `${accepted.writableLength} of 64 MiB were not taken`);
  accepted.destroy();
});

test('what was sent before a close arrives before it, however long the way', async (t) => {
  const { open } = await echoThrough(t, { delayMs: 40, bytesPerSecond: 100_000 });
  const socket = await open();
  socket.end(Buffer.alloc(5_000, 'x'));
  let received = 0;
  for await (const chunk of socket) received += chunk.length;
  assert.equal(received, 5_000);
});

test('connections are lost after random bytes, the same for the same seed, and no more once that is over', async (t) => {
  const draws = [0.05, 0.4];
  const { proxy, open } = await echoThrough(t, { random: () => draws.shift() ?? 1 });
  proxy.lose(50_000);
  const survived = [];
  for (let n = 0; n < 2; n++) {
    proxy.resetCount();
    const socket = await open();
    socket.on('error', () => undefined).resume();
    const closed = new Promise((resolve) => socket.on('close', resolve));
    const timer = setInterval(() => socket.write(Buffer.alloc(500)), 1);
    await closed;
    clearInterval(timer);
    survived.push(proxy.counted().up + proxy.counted().down);
  }
  assert.ok((survived[0] ?? 0) >= 5_000 && (survived[0] ?? 0) < 40_000, `${survived}`);
  assert.ok((survived[1] ?? 0) >= 40_000, `${survived}`);
  proxy.lose(undefined);
  const last = await open();
  last.write(Buffer.alloc(200_000));
  for (let received = 0; received < 200_000; ) received += (await once(last, 'data'))[0].length;
});

test('a device that is moved dials another target with its next connection', async (t) => {
  const { proxy, open } = await echoThrough(t, {});
  const other = createServer((socket) => socket.end('another'));
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.after(() => other.close());
  const first = await open();
  proxy.retarget((other.address() as AddressInfo).port);
  first.write('here');
  assert.equal((await once(first, 'data'))[0].toString(), 'here');
  proxy.flap();
  await once(first, 'close');
  const second = await open();
  assert.equal((await once(second, 'data'))[0].toString(), 'another');
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

test('a stranded connection stays open for its target when its device has gone, while new ones pass', async (t) => {
  const server = createServer();
  const ends: string[] = [];
  const bytes: string[] = [];
  server.on('connection', (socket) => {
    const name = `${bytes.length}`;
    bytes.push('');
    socket.on('data', (data) => {
      bytes[Number(name)] += data.toString();
      socket.write('ok');
    });
    socket.on('error', () => ends.push(name));
    socket.on('close', () => ends.push(name));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await startLinkProxy({ targetPort: (server.address() as AddressInfo).port });
  t.after(async () => {
    await proxy.close();
    server.close();
  });
  const dial = async () => {
    const socket = connect(proxy.port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  };
  const first = await dial();
  first.write('a');
  await once(first, 'data');
  proxy.strand();
  first.write('b');
  first.destroy();
  const second = await dial();
  second.write('c');
  await once(second, 'data');
  assert.deepEqual([bytes, ends], [['a', 'c'], []]);
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
