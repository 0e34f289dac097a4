import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createAuthority } from '../../../../test/support/pki.ts';
import type { NodeSession } from '../../admin/index.ts';
import { systemClock } from '../../clock.ts';
import { alignColumns } from '../columns.ts';
import { sessionsOf } from './fleet.ts';
import { type WatchNews, watchReplica } from './watch.ts';

/** A replica that is verified and does what it wants. */
async function replica(t: TestContext, answer: RequestListener) {
  const authority = await createAuthority('hawser-relays');
  const { certificatePem: cert, keyPem: key } = await authority.issueServer({ commonName: 'relay', hosts: ['127.0.0.1'] });
  const server = createServer({ cert, key }, answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const ending = new AbortController();
  t.after(() => ending.abort());
  const asking = { trust: { ca: authority.certificatePem, names: ['127.0.0.1'] }, token: async () => 't', signal: ending.signal };
  return { place: { replica: 'relay-1', host: '127.0.0.1', port }, asking, ending };
}

function session(node: string): NodeSession {
  const since = new Date(0).toISOString();
  return { node, state: 'inSync', detail: '', since, lagMs: 0, sentBytes: 0, receivedBytes: 0, agentVersion: '' };
}

test('a list of sessions that never ends is given up', async (t) => {
  let pages = 0;
  const { place, asking } = await replica(t, (_, response) => {
    pages += 1;
    const list = {
      apiVersion: 'hawser.dev/v1',
      kind: 'NodeSessionList',
      replica: 'relay-1',
      version: '1',
      items: [session(`n${pages}`)],
    };
    // Each name is after the one before; at some point the test has seen enough.
    response.end(JSON.stringify({ ...list, continue: pages < 200 ? 'a'.repeat(pages) : '' }));
  });
  const answer = await sessionsOf({ asking }, place);
  assert.deepEqual(answer, { type: 'failed', why: 'its list of sessions has not ended after 50 pages' });
});

test('a watch that tells of nodes without end is given up', async (t) => {
  const { place, asking, ending } = await replica(t, (_, response) => {
    response.writeHead(200);
    let number = 0;
    const more = () => {
      do {
        if (number > 150_000) {
          // So that one who takes all of them ends, too.
          response.end('{"type":"SYNCED"}\n');
          return;
        }
        number += 1;
      } while (response.write(`${JSON.stringify({ type: 'ADDED', object: session(`n${number}`) })}\n`));
      response.once('drain', more);
    };
    more();
  });
  const told = await new Promise<WatchNews>((resolve) => {
    void watchReplica(place, asking, systemClock, resolve);
    t.after(() => ending.abort());
  });
  assert.equal(told.type, 'lost');
  assert.deepEqual(told, { type: 'lost', why: 'its watch has told of more than 100000 nodes' });
});

test('what stands in a table is shown by a terminal and never obeyed', () => {
  const table = alignColumns([['REPLICA'], ['\u001b]0;owned\u0007\u009b2Jrelay\r\nok']]);
  assert.equal(table, 'REPLICA\n ]0;owned  2Jrelay  ok\n');
});
