import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { resourceById } from '@hawser/protocol';
import type { WatchSink } from '../registry/watch.ts';
import { watchFormat } from './watch-format.ts';
import { respondWithWatch, WatchResponses } from './watch-response.ts';

test('what happens between the end of a watch by the server and the moment in which its client has taken it goes nowhere', async (t) => {
  const pods = resourceById('pods') ?? assert.fail();
  const watches = new WatchResponses();
  const began = Promise.withResolvers<WatchSink>();
  const view = () => ({ presentation: 'plain', includeObject: 'None', now: new Date(0) }) as const;
  const server = createServer((_request, response) => {
    const start = async (sink: WatchSink) => {
      began.resolve(sink);
      return () => {};
    };
    void watchFormat({ encoding: 'json' }, watches.bodies).then((format) =>
      respondWithWatch(response, pods, view, format, start, watches),
    );
  }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const request = get({ port: (server.address() as AddressInfo).port });
  const sink = await began.promise;
  const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' } };
  sink.event({ type: 'ADDED', object });
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  const [watch] = watches.open;
  const ended = watch?.end();
  // A bookmark whose time has come, say: it would be a write after the end, and the end of the process.
  sink.event({ type: 'BOOKMARK', object });
  sink.end();
  let text = '';
  for await (const chunk of answer) text += chunk;
  await ended;
  assert.equal(text, `${JSON.stringify({ type: 'ADDED', object })}\n`);
});
