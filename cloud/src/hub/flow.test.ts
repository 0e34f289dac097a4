import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { encodeAgentMessage, type QueryAnswer } from '@hawser/protocol';
import { createPlainQueue } from '../upstream/testing/plain-queue.ts';
import { batchOf, edge1, HELLO, maskedFrame, report, start, tls } from './testing/harness.ts';

test('reports beyond the bound are not read until there is room, and none is lost', async (t) => {
  let outstanding = 0;
  let most = 0;
  const queue = createPlainQueue({
    concurrency: 1,
    reportsPerLane: 2,
    perform: async (node) => {
      // Slower than frames can be read, so that the bound is met all the time.
      for (let n = 0; n < 5; n += 1) await turn();
      outstanding -= 1;
      return { type: 'applied', uid: 'u', resourceVersion: '1', name: node };
    },
  });
  const { dial } = await start(t, {
    reports: {
      open(...parameters) {
        const lane = queue.open(...parameters);
        return {
          ...lane,
          push(report) {
            outstanding += 1;
            most = Math.max(most, outstanding);
            lane.push(report);
          },
        };
      },
    },
  });
  const agent = await dial();
  await agent.greet();
  const body = JSON.stringify({ data: 'x'.repeat(30_000) });
  for (let n = 1; n <= 200; n += 1) agent.send(report(n, `pod-${n}`, body));
  const numbers = new Set<number>();
  while (numbers.size < 200) {
    const message = await agent.next();
    assert.ok(message.type === 'reportAnswer');
    numbers.add(message.number);
  }
  // Two, and what one read of 64 KiB may have brought beside.
  assert.ok(most >= 2 && most <= 5, `${most} at a time`);
});

test('an agent that reads nothing is not fed without end, and is closed at the bound', async (t) => {
  const { dial, sessions, counted } = await start(t);
  const agent = await dial();
  await agent.greet();
  agent.socket.pause();
  const [session] = sessions;
  assert.ok(session !== undefined);
  // One pump that ignores every window.
  session.outgoing.push(Array.from({ length: 40 }, () => batchOf(1024 * 1024)));
  session.wake();
  await counted('ended overloaded');
  assert.equal(session.isClosed, true);
  agent.socket.terminate();
});

test('while the network is behind the session is not asked for more, and after it is', async (t) => {
  const { dial, sessions, seen } = await start(t);
  const agent = await dial();
  await agent.greet();
  const [session] = sessions;
  assert.ok(session !== undefined);
  agent.socket.pause();
  const batches = 160;
  for (let n = 0; n < batches; n += 1) session.outgoing.push([batchOf(256 * 1024)]);
  // Each pump but the last asks for another.
  session.wakesAgain = true;
  session.wake();
  let left = batches;
  for (let turns = 0; turns < 500; turns += 1) {
    await turn();
    left = session.outgoing.length;
  }
  assert.ok(left > 0, 'all 40 MB were taken at once');
  agent.socket.resume();
  for (let n = 0; n < batches; n += 1) assert.equal((await agent.next()).type, 'batch');
  assert.deepEqual(seen, ['opened']);
});

test('a session that is given up says goodbye with a wait, also where the network takes nothing more', async (t) => {
  const { dial, sessions, seen } = await start(t);
  const agent = await dial();
  await agent.greet();
  const [session] = sessions;
  assert.ok(session !== undefined);
  agent.socket.pause();
  for (let n = 0; n < 40; n += 1) session.outgoing.push([batchOf(256 * 1024)]);
  session.wakesAgain = true;
  session.wake();
  for (let turns = 0; turns < 500; turns += 1) await turn();
  assert.ok(session.outgoing.length > 0, 'the network is behind');
  session.stalledBy = 'the ack of batch 1 did not come';
  session.wake();
  await turn();
  await turn();
  assert.deepEqual(seen, ['opened', 'bound limits.answerSeconds', 'ended stalled']);
  assert.equal(session.isClosed, true);
  agent.socket.resume();
  for (;;) {
    const message = await agent.next();
    if (message.type === 'batch') continue;
    assert.ok(message.type === 'goodbye');
    assert.deepEqual([message.reason, message.retryAfterMs], ['overloaded', 60_000]);
    break;
  }
  assert.equal(await agent.closed, 4009);
});

test('an agent that ends while it takes nothing more is not waited for', async (t) => {
  const { hub, counted, sessions } = await start(t);
  const socket = await tls(hub.port, edge1);
  socket.on('error', () => undefined);
  socket.write(
    'GET /v1/link HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  );
  await once(socket, 'data');
  socket.write(maskedFrame(encodeAgentMessage(HELLO)));
  await counted('opened');
  socket.pause();
  const [session] = sessions;
  assert.ok(session !== undefined);
  for (let n = 0; n < 40; n += 1) session.outgoing.push([batchOf(256 * 1024)]);
  session.wakesAgain = true;
  session.wake();
  for (let turns = 0; turns < 500; turns += 1) await turn();
  assert.ok(session.outgoing.length > 0, 'the network is behind');
  socket.end();
  await counted('ended lost');
  assert.equal(session.isClosed, true);
});

test('a link that answers no ping is cut within two intervals', async (t) => {
  const { hub, counted, sessions } = await start(t, { limits: { pingSeconds: 1 } });
  // ws would answer pings by itself; a raw TLS socket stays silent after its hello.
  const socket = await tls(hub.port, edge1);
  const closed = once(
    socket.on('error', () => undefined),
    'close',
  );
  socket.write(
    'GET /v1/link HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  );
  await once(socket, 'data');
  socket.write(maskedFrame(encodeAgentMessage(HELLO)));
  await counted('ended lost');
  await closed;
  assert.equal(sessions[0]?.isClosed, true);
});

test('an agent that asks and does not read gets no more bodies than fit beside what is synced, and keeps its link', async (t) => {
  let give: (id: number, answer: QueryAnswer) => void = () => assert.fail('no session');
  let asked = 0;
  const { dial } = await start(t, {
    queries: {
      open(_node, _dictionary, onAnswer) {
        give = onAnswer;
        return {
          ask: () => {
            asked += 1;
          },
          cancel: () => undefined,
          outstanding: () => 0,
          close: () => undefined,
        };
      },
    },
  });
  const agent = await dial();
  await agent.greet();
  agent.socket.pause();
  const question = { type: 'get', resource: 'configmaps', namespace: 'web', name: 'app' } as const;
  for (let id = 1; id <= 30; id += 1) agent.send({ type: 'query', query: { id, deadlineMs: 60_000, question } });
  while (asked < 30) await turn();
  const bytes = new Uint8Array(2 * 1024 * 1024);
  for (let id = 1; id <= 30; id += 1) {
    give(id, { type: 'found', cached: false, body: { encoding: 'identity', bytes, size: bytes.length } });
  }
  agent.socket.resume();
  const types: string[] = [];
  while (types.length < 30) {
    const message = await agent.next();
    assert.ok(message.type === 'queryAnswer');
    types.push(message.answer.type);
  }
  assert.equal(types[0], 'found');
  assert.ok(types.filter((type) => type === 'found').length < 5, types.join(' '));
  assert.equal(types.at(-1), 'unavailable');
});
