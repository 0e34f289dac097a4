/** A process that serves many large Secrets, made one by one while they are sent: it holds none of them. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { status } from '../objects.ts';
import type { ServerOrder, ServerReady } from './messages.ts';

process.once('message', (order: ServerOrder) => void serve(order));

async function serve({ certificatePem, keyPem, secrets, bytes, hasWatchList }: ServerOrder): Promise<void> {
  const listVersion = secrets + 1;
  const secretText = (index: number, resourceVersion: number) => {
    const metadata = { name: `s-${index}`, namespace: 'web', uid: `uid-${index}`, resourceVersion: `${resourceVersion}` };
    // Different text in each, so that none can be shared.
    const letters = Buffer.alloc(bytes, `${index}-${resourceVersion}.`).toString('latin1');
    return JSON.stringify({ kind: 'Secret', apiVersion: 'v1', metadata, data: { filler: letters } });
  };

  const server = createServer({ cert: certificatePem, key: keyPem }, (request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'https://server');
    respond(searchParams, response).catch(() => response.destroy());
  });

  async function respond(query: URLSearchParams, response: ServerResponse): Promise<void> {
    const isStreaming = query.get('sendInitialEvents') === 'true';
    if (isStreaming && !hasWatchList) {
      response.writeHead(422).end(JSON.stringify(status(422, 'Invalid')));
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    if (!query.has('watch')) {
      await sendPage(query, response);
      return;
    }
    if (isStreaming) {
      for (let index = 0; index < secrets; index += 1)
        await send(response, `{"type":"ADDED","object":${secretText(index, index + 1)}}\n`);
      const metadata = { resourceVersion: `${listVersion}`, annotations: { 'k8s.io/initial-events-end': 'true' } };
      await send(response, `${JSON.stringify({ type: 'BOOKMARK', object: { kind: 'Secret', apiVersion: 'v1', metadata } })}\n`);
    }
    // And then each of them changes.
    for (let index = 0; index < secrets; index += 1) {
      await send(response, `{"type":"MODIFIED","object":${secretText(index, listVersion + index + 1)}}\n`);
    }
  }

  async function sendPage(query: URLSearchParams, response: ServerResponse): Promise<void> {
    const from = Number(query.get('continue') ?? 0);
    const to = Math.min(secrets, from + Number(query.get('limit') ?? secrets));
    const metadata = { resourceVersion: `${listVersion}`, ...(to < secrets ? { continue: `${to}` } : {}) };
    await send(response, `{"kind":"SecretList","apiVersion":"v1","metadata":${JSON.stringify(metadata)},"items":[`);
    for (let index = from; index < to; index += 1)
      await send(response, `${index > from ? ',' : ''}${secretText(index, index + 1)}`);
    response.end(']}');
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const ready: ServerReady = { url: `https://127.0.0.1:${address.port}` };
  process.send?.(ready);
  process.once('disconnect', () => process.exit());
}

/** Keeps to the reader's pace; a reader that has gone ends the sending. */
function send(response: ServerResponse, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    response.write(text, (error) => (error ? reject(error) : resolve()));
  });
}
