import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { AgentMessage } from '@hawser/protocol';
import fc from 'fast-check';
import { type Agent, CLUSTER, edge1, edge2, HELLO, report, STATUS, start } from './testing/harness.ts';

type Step =
  | { readonly type: 'message'; readonly message: AgentMessage }
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  | { readonly type: 'text' };

test('a hello is answered with welcome under the name in the certificate, then with what the session has', async (t) => {
  const { dial, sessions, hub } = await start(t);
  const agent = await dial();
  const welcome = await agent.greet();
  assert.ok(welcome.type === 'welcome');
  assert.equal(welcome.nodeName, 'edge-1');
  assert.equal(welcome.clusterUid, CLUSTER);
  assert.deepEqual(welcome.status, STATUS);
  const [session] = sessions;
  assert.ok(session !== undefined);
  session.outgoing.push([{ type: 'inventoryRequest' }]);
  session.wake();
  assert.equal((await agent.next()).type, 'inventoryRequest');
  agent.send({ type: 'inventory', entries: [], last: true });
  agent.send(report(7));
  assert.deepEqual(await agent.next(), {
    type: 'reportAnswer',
    number: 7,
    outcome: { type: 'applied', uid: 'u', resourceVersion: '1', name: 'edge-1' },
  });
  assert.deepEqual(
    session.received.map(({ type }) => type),
    ['hello', 'inventory'],
  );
  assert.deepEqual([...hub.sessions.byState()], [['syncing', 1]]);
  assert.equal(hub.handshakes(), 0);
});

test('the load of all sessions is summed, and of those that lag the longest come first, no more than are asked for', async (t) => {
  const { dial, sessions, hub } = await start(t);
  for (const pair of [edge1, edge2]) await (await dial(pair)).greet();
  const [first, second] = sessions;
  assert.ok(first !== undefined && second !== undefined);
  first.counted = { lagMs: 1_500, known: 10, inflightBytes: 100 };
  second.counted = { lagMs: 60_000, known: 20, refused: 1, inflightBatches: 2 };
  const { known, refused, inflightBatches, inflightBytes } = hub.sessions.load();
  assert.deepEqual(
    { known, refused, inflightBatches, inflightBytes },
    { known: 30, refused: 1, inflightBatches: 2, inflightBytes: 100 },
  );
  assert.deepEqual(hub.sessions.lagging(1_000, 10), [
    { node: 'edge-2', lagMs: 60_000 },
    { node: 'edge-1', lagMs: 1_500 },
  ]);
  assert.deepEqual(hub.sessions.lagging(1_000, 1), [{ node: 'edge-2', lagMs: 60_000 }]);
  assert.deepEqual(hub.sessions.lagging(2_000, 10), [{ node: 'edge-2', lagMs: 60_000 }]);
});

test('a store of another cluster is turned away before a session is opened', async (t) => {
  const { dial, sessions } = await start(t);
  const agent = await dial();
  agent.send({ ...HELLO, clusterUid: 'another' });
  const { goodbye, code } = await agent.goodbye();
  assert.equal(goodbye.reason, 'wrongCluster');
  assert.equal(code, 4002);
  assert.equal(sessions.length, 0);
});

test('bytes that are no message end that link alone', async (t) => {
  const { dial, sessions, counted } = await start(t);
  const [bad, good] = [await dial(edge1), await dial(edge2)];
  await good.greet();
  await bad.greet();
  bad.socket.send(Buffer.from('ffffffff', 'hex'));
  const { goodbye, code } = await bad.goodbye();
  assert.equal(goodbye.reason, 'protocolError');
  assert.equal(code, 1002);
  await counted('malformed');
  good.send(report(1));
  assert.equal((await good.next()).type, 'reportAnswer');
  assert.deepEqual(
    sessions.map(({ node, isClosed }) => [node, isClosed]),
    [
      ['edge-2', false],
      ['edge-1', true],
    ],
  );
});

const wrong: [string, (agent: Agent) => void, number][] = [
  ['a second hello', (agent) => agent.send(HELLO), 1002],
  [
    'a message that the session refuses',
    (agent) => agent.send({ type: 'ack', number: 99, digest: '0'.repeat(32), nacks: [] }),
    1002,
  ],
  ['a text message', (agent) => agent.socket.send('hello'), 1003],
  ['a fault of the relay', (agent) => agent.send({ type: 'ack', number: 98, digest: '0'.repeat(32), nacks: [] }), 1011],
];
for (const [what, act, expected] of wrong) {
  test(`${what} ends the link with ${expected} and a goodbye`, async (t) => {
    const { dial, sessions } = await start(t);
    const agent = await dial();
    await agent.greet();
    act(agent);
    const { goodbye, code } = await agent.goodbye();
    assert.equal(code, expected);
    assert.notEqual(goodbye.detail, '');
    assert.equal(sessions[0]?.isClosed, true);
  });
}

test('anything before the hello ends the link', async (t) => {
  const { dial, sessions } = await start(t);
  const agent = await dial();
  agent.send(report(1));
  const { goodbye, code } = await agent.goodbye();
  assert.match(goodbye.detail, /report before the hello/);
  assert.equal(code, 1002);
  assert.equal(sessions.length, 0);
});

test('a message over the bound is refused by the socket', async (t) => {
  const { dial, counted, sessions } = await start(t);
  const agent = await dial();
  await agent.greet();
  agent.socket.send(Buffer.alloc(64 * 1024 + 1));
  assert.equal(await agent.closed, 1009);
  await counted('ended tooBig');
  assert.equal(sessions[0]?.isClosed, true);
});

test('an agent that says nothing is told so and closed', async (t) => {
  const { dial } = await start(t, { limits: { handshakeSeconds: 1 } });
  const agent = await dial();
  const { goodbye, code } = await agent.goodbye();
  assert.match(goodbye.detail, /no hello within 1 s/);
  assert.equal(code, 4008);
});

test('the newest link of a node wins, and the older is told who came', async (t) => {
  const { dial, sessions, hub } = await start(t);
  const older = await dial();
  await older.greet();
  const newer = await dial();
  await newer.greet({ storeId: '2'.repeat(32) });
  const { goodbye, code } = await older.goodbye();
  assert.equal(goodbye.reason, 'replaced');
  assert.match(goodbye.detail, /another device/);
  assert.equal(code, 4001);
  assert.deepEqual(
    sessions.map(({ isClosed }) => isClosed),
    [true, false],
  );
  assert.equal(hub.sessions.count, 1);
  newer.send(report(1));
  assert.equal((await newer.next()).type, 'reportAnswer');
});

test('stopping says goodbye to each and closes', async (t) => {
  const { dial, hub } = await start(t);
  const agents = [await dial(edge1), await dial(edge2)];
  for (const agent of agents) await agent.greet();
  const ends = agents.map((agent) => agent.goodbye());
  await hub.stop();
  for (const { goodbye, code } of await Promise.all(ends)) {
    assert.equal(goodbye.reason, 'shuttingDown');
    assert.equal(code, 1001);
  }
});

test('whatever agents send in whatever order: one link ends at most, the hub lives, and counts are right', async (t) => {
  const { dial, hub, sessions } = await start(t);
  const witness = await dial(edge2);
  await witness.greet();
  const step = fc.oneof(
    fc.constant<Step>({ type: 'message', message: HELLO }),
    fc.nat(5).map((n): Step => ({ type: 'message', message: report(n + 1) })),
    fc.boolean().map((last): Step => ({ type: 'message', message: { type: 'inventory', entries: [], last } })),
    fc
      .constantFrom(1, 98, 99)
      .map((number): Step => ({ type: 'message', message: { type: 'ack', number, digest: '0'.repeat(32), nacks: [] } })),
    fc.uint8Array({ maxLength: 64 }).map((bytes): Step => ({ type: 'bytes', bytes })),
    fc.constant<Step>({ type: 'text' }),
  );
  let number = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
      const agent = await dial();
      for (const one of steps) {
        if (one.type === 'message') agent.send(one.message);
        else agent.socket.send(one.type === 'text' ? 'text' : one.bytes);
      }
      agent.socket.close();
      assert.ok([1002, 1003, 1005, 1011].includes(await agent.closed));
      number += 1;
      witness.send(report(number));
      const answer = await witness.next();
      assert.ok(answer.type === 'reportAnswer' && answer.number === number);
      // The relay's side of a close may come a turn after the agent's.
      while (hub.sessions.count > 1) await turn();
      assert.equal(hub.sessions.count, 1);
      assert.equal(sessions.filter(({ isClosed }) => !isClosed).length, 1);
    }),
    { numRuns: 60 },
  );
});

test('at a new epoch every agent is told to come back within some seconds, and the one that brought it is welcomed in it', async (t) => {
  let current = 1;
  const h: Awaited<ReturnType<typeof start>> = await start(t, {
    epochs: {
      get current() {
        return current;
      },
      meet(_node, claimed) {
        if (claimed > current) {
          current = claimed;
          h.hub.endEpoch('restored');
        }
        return { type: 'met' };
      },
    },
  });
  const first = await h.dial(edge1);
  await first.greet();
  const second = await h.dial(edge2);
  const welcome = await second.greet({ epoch: 2 });
  assert.ok(welcome.type === 'welcome');
  assert.equal(welcome.epoch, 2);
  const { goodbye, code } = await first.goodbye();
  assert.deepEqual([goodbye.reason, goodbye.detail, code], ['newEpoch', 'restored', 4004]);
  assert.ok(goodbye.retryAfterMs > 0 && goodbye.retryAfterMs < 5_100);
  assert.equal(h.sessions[0]?.isClosed, true);
  await h.counted('ended newEpoch');
});
