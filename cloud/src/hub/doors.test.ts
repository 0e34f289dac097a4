import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createDoors } from './doors.ts';

const AT = { address: '127.0.0.1', port: 0 };

async function open(t: TestContext, { most = 1_000, count }: { most?: number; count?: number } = {}) {
  const taken: Socket[] = [];
  let refused = 0;
  let onTaken = () => {};
  const doors = createDoors({
    most,
    onConnection(socket) {
      taken.push(socket.on('error', () => undefined).resume());
      onTaken();
    },
    onRefused: () => {
      refused += 1;
      onTaken();
    },
    ...(count === undefined ? {} : { count }),
  });
  const port = await doors.open(AT);
  t.after(async () => {
    for (const socket of taken) socket.destroy();
    await doors.close();
  });
  /** Resolves when so many have been taken or refused. */
  const met = (wanted: number) =>
    new Promise<void>((resolve) => {
      onTaken = () => {
        if (taken.length + refused >= wanted) resolve();
      };
      onTaken();
    });
  return { port, taken, met, refused: () => refused };
}

function dial(t: TestContext, port: number): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  t.after(() => socket.destroy());
  return socket;
}

/** @returns turns of the event loop until all of a herd had been taken, which had all come before the first */
async function turnsForHerd(t: TestContext, herd: number, count: number): Promise<number> {
  const { port, met } = await open(t, { count });
  for (let n = 0; n < herd; n += 1) dial(t, port);
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns += 1;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await met(herd);
  isOver = true;
  return turns;
}

test('of a herd, several are taken in each turn of the event loop: how long a turn takes does not decide how soon all are in', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const [one, eight] = [await turnsForHerd(t, 200, 1), await turnsForHerd(t, 200, 8)];
  assert.ok(one >= 150, `one door takes one in each turn, and 200 took ${one}: are doors needed any more?`);
  assert.ok(eight < 100, `${eight} turns for 200 through eight doors`);
});

test('the bound of connections holds for all doors together, and one that ends leaves its place', async (t) => {
  const { port, taken, met, refused } = await open(t, { most: 10 });
  for (let n = 0; n < 30; n += 1) dial(t, port);
  await met(30);
  assert.deepEqual([taken.length, refused()], [10, 20]);
  const [first] = taken;
  assert.ok(first !== undefined);
  first.destroy();
  await once(first, 'close');
  dial(t, port);
  await met(31);
  assert.deepEqual([taken.length, refused()], [11, 20]);
});

test('a port where another relay listens, or anybody, is in use', async (t) => {
  const { port } = await open(t);
  const second = createDoors({ most: 1, onConnection: () => undefined, onRefused: () => undefined });
  await assert.rejects(second.open({ ...AT, port }), { code: 'address_in_use' });
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.after(() => other.close());
  const address = other.address();
  assert.ok(typeof address === 'object' && address !== null);
  await assert.rejects(second.open({ ...AT, port: address.port }), { code: 'address_in_use' });
});

test('a port that was given up can be taken again at once, by its number', async () => {
  const options = { most: 1, onConnection: () => undefined, onRefused: () => undefined };
  const first = createDoors(options);
  const port = await first.open(AT);
  await first.close();
  const second = createDoors(options);
  assert.equal(await second.open({ ...AT, port }), port);
  await second.close();
});
