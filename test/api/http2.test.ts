import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import {
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  GOAWAY,
  HEADERS,
  HELLO,
  literal,
  PING,
  RST_STREAM,
  SETTINGS,
} from '../support/http2-frames.ts';
import { until } from '../support/until.ts';
import { startTestServer } from './server.ts';

/** What only HTTP/2 has: streams that share a connection, and bounds of both that node:http2 leaves to its users. */

const BOUNDS = { connections: 100, strangers: 50, requests: 50, watches: 500 };
const TIMES = { headersMs: 10_000, requestMs: 60_000, answerMs: 120_000, idleMs: 95_000, graceMs: 1_000, lookEveryMs: 2_000 };
const CONFIGS = '/api/v1/namespaces/default/configmaps';
const ME = { authorization: 'Bearer me' };

async function start(t: TestContext, times: Partial<typeof TIMES> = {}) {
  const asked: string[] = [];
  const server = await startTestServer({
    server: { bounds: BOUNDS, times: { ...TIMES, ...times } },
    policy: {
      authenticate: ({ bearerToken }, { verb, path }) => {
        asked.push(`${verb} ${path}`);
        return bearerToken === undefined ? undefined : { name: bearerToken, groups: ['system:masters'] };
      },
    },
  });
  t.after(() => server.close());
  const { port } = server.server.address();
  const ca = server.authority.certificatePem;
  return {
    ...server,
    asked,
    /** A connection of HTTP/2. */
    open: async (): Promise<ClientHttp2Session> => {
      const session = connect(`https://127.0.0.1:${port}`, { ca });
      session.on('error', () => undefined);
      await once(session, 'connect');
      return session;
    },
    /** The same below its frames; the server's are passed over. */
    raw: async (): Promise<TLSSocket> => {
      const socket = connectTls({ host: '127.0.0.1', port, ca, ALPNProtocols: ['h2'] });
      await once(socket, 'secureConnect');
      return socket.on('error', () => undefined).resume();
    },
    reached: (bound: keyof ReturnType<typeof server.server.load>['reached']) => server.server.load().reached[bound],
    async noticesNothing() {
      assert.equal((await server.call('GET', CONFIGS, { headers: ME })).status, 200);
    },
  };
}

/** @returns the status of its answer, or the code with which the stream was reset */
async function answerTo(stream: ClientHttp2Stream): Promise<number | string> {
  return new Promise((resolve) => {
    stream.on('response', ({ ':status': status = 0 }) => resolve(status));
    stream.on('close', () => resolve(`reset ${stream.rstCode}`));
    stream.on('error', () => undefined).resume();
  });
}

test('a client that offers HTTP/2 gets it, and one that offers HTTP/1.1 or nothing gets that', async (t) => {
  const { server, authority } = await start(t);
  const { port } = server.address();
  const chosen = async (ALPNProtocols?: string[]) => {
    const socket = connectTls({ host: '127.0.0.1', port, ca: authority.certificatePem, ...(ALPNProtocols && { ALPNProtocols }) });
    await once(socket, 'secureConnect');
    socket.destroy();
    return socket.alpnProtocol;
  };
  assert.equal(await chosen(['h2', 'http/1.1']), 'h2');
  assert.equal(await chosen(['http/1.1', 'h2']), 'h2');
  assert.equal(await chosen(['http/1.1']), 'http/1.1');
  assert.equal(await chosen(), false);
});

test('one connection carries 250 watches, says so, and refuses one more without harm to the others', async (t) => {
  const { open, server, call } = await start(t);
  const session = await open();
  await until('the settings', 60_000, undefined, async () => session.remoteSettings.maxConcurrentStreams === 250);
  const streams = Array.from({ length: 250 }, () => session.request({ ...ME, ':path': `${CONFIGS}?watch=1` }));
  assert.ok((await Promise.all(streams.map(answerTo))).every((status) => status === 200));
  assert.deepEqual([server.load().connections, server.load().watches], [1, 250]);
  // Another connection of the same client.
  const more = await open();
  assert.equal(await answerTo(more.request({ ...ME, ':path': `${CONFIGS}?watch=1` })), 200);
  const heard = Promise.all(streams.map((stream) => once(stream, 'data')));
  await call('POST', CONFIGS, { headers: ME, body: { metadata: { name: 'a' } } });
  await heard;
  session.destroy();
  more.destroy();
  await until('their end', 60_000, undefined, async () => server.load().watches === 0);
});

test('a watch that its client resets is over, and the connection goes on', async (t) => {
  const { open, server } = await start(t);
  const session = await open();
  const watch = session.request({ ...ME, ':path': `${CONFIGS}?watch=1` });
  await answerTo(watch);
  watch.close(constants.NGHTTP2_CANCEL);
  await until('its end', 60_000, undefined, async () => server.load().watches === 0);
  assert.equal(await answerTo(session.request({ ...ME, ':path': CONFIGS })), 200);
  session.destroy();
});

test('a body that breaks off is not taken for whole, whether the stream or the connection has ended', async (t) => {
  const { raw, storage, noticesNothing, server, asked } = await start(t);
  const headers = {
    ':method': 'POST',
    ':scheme': 'https',
    ':authority': 'a',
    ':path': CONFIGS,
    'content-type': 'application/yaml',
    ...ME,
  };
  // Valid so far, and what was meant is more.
  const half = frame(DATA, 0, 1, Buffer.from('metadata:\n  name: half\n'));
  const begun = Buffer.concat([HELLO, frame(HEADERS, END_HEADERS, 1, literal(headers)), half]);
  const begin = async () => {
    const socket = await raw();
    const before = asked.length;
    socket.write(begun);
    await until('its beginning', 60_000, undefined, async () => asked.length > before);
    return socket;
  };
  // Node takes NO_ERROR for the end of a body.
  for (const code of [constants.NGHTTP2_CANCEL, constants.NGHTTP2_NO_ERROR]) {
    (await begin()).write(frame(RST_STREAM, 0, 1, Buffer.from([0, 0, 0, code])));
  }
  (await begin()).destroy();
  await until('all are over', 60_000, undefined, async () => server.load().requests === 0);
  await noticesNothing();
  assert.deepEqual(storage.list('configmaps'), []);
});

test('a body over the bound is answered 413 and asked for no further; the connection goes on', async (t) => {
  const { open, reached } = await start(t);
  const session = await open();
  for (const described of [{ 'content-length': 4 * 1024 * 1024 }, {}]) {
    const stream = session.request({ ...ME, ':method': 'POST', ':path': CONFIGS, ...described });
    const answered = answerTo(stream);
    // The server's reset, for which Node has no event of its own.
    const over = once(stream, 'aborted');
    const piece = Buffer.alloc(64 * 1024, 'x');
    const write = () => {
      if (!stream.closed && !stream.destroyed) stream.write(piece, write);
    };
    write();
    assert.equal(await answered, 413);
    await over;
  }
  assert.equal(reached('bodyBytes'), 2);
  assert.equal(await answerTo(session.request({ ...ME, ':path': CONFIGS })), 200);
  session.destroy();
});

test('headers over the bound are refused', async (t) => {
  const { open, noticesNothing } = await start(t);
  const session = await open();
  const stream = session.request({ ...ME, ':path': CONFIGS, 'x-large': 'x'.repeat(70_000) });
  assert.equal(typeof (await answerTo(stream)), 'string');
  session.destroy();
  await noticesNothing();
});

test('a body of a stranger is not read, and its stream is ended', async (t) => {
  const { open, noticesNothing } = await start(t);
  const session = await open();
  const stream = session.request({ ':method': 'POST', ':path': CONFIGS, 'content-type': 'application/json' });
  stream.write('{');
  const over = once(stream, 'close');
  assert.equal(await answerTo(stream), 401);
  await over;
  await noticesNothing();
  session.destroy();
});

test('a connection that opens no stream in time is ended, pings or not', async (t) => {
  const { open, raw, server, reached } = await start(t, { headersMs: 300, graceMs: 100 });
  const session = await open();
  const pinging = setInterval(() => session.destroyed || session.ping(() => undefined), 20);
  t.after(() => clearInterval(pinging));
  await once(session, 'close');
  // No preface at all, and no close from this end either.
  await once(await raw(), 'close');
  assert.equal(reached('time'), 2);
  await until('no connection', 60_000, undefined, async () => server.load().connections === 0);
});

test('a connection without a stream for the idle time is told to go away; one with a watch stays', async (t) => {
  const { open, reached } = await start(t, { idleMs: 200 });
  const watching = await open();
  assert.equal(await answerTo(watching.request({ ...ME, ':path': `${CONFIGS}?watch=1` })), 200);
  const idle = await open();
  const goaway = once(idle, 'goaway');
  assert.equal(await answerTo(idle.request({ ...ME, ':path': CONFIGS })), 200);
  assert.equal((await goaway)[0], constants.NGHTTP2_NO_ERROR);
  if (!idle.destroyed) await once(idle, 'close');
  assert.equal(reached('time'), 0, 'that is no fault of the client');
  assert.equal(watching.closed, false);
  assert.equal(await answerTo(watching.request({ ...ME, ':path': CONFIGS })), 200);
  watching.destroy();
});

test('a body that does not come in time is given up, and the connection is not', async (t) => {
  const { open, reached } = await start(t, { headersMs: 200, requestMs: 200 });
  const session = await open();
  const stream = session.request({ ...ME, ':method': 'POST', ':path': CONFIGS, 'content-type': 'application/json' });
  stream.write('{');
  assert.equal(await answerTo(stream), `reset ${constants.NGHTTP2_CANCEL}`);
  assert.equal(reached('time'), 1);
  assert.equal(await answerTo(session.request({ ...ME, ':path': CONFIGS })), 200);
  session.destroy();
});

test('who opens streams only to reset them is cut off', async (t) => {
  const { raw, reached, noticesNothing } = await start(t);
  const socket = await raw();
  const over = once(socket, 'close');
  const block = literal({ ':method': 'GET', ':scheme': 'https', ':authority': 'a', ':path': CONFIGS, ...ME });
  const cancelled = Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL]);
  const pairs = Array.from({ length: 2_000 }, (_, n) => [
    frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, block),
    frame(RST_STREAM, 0, 2 * n + 1, cancelled),
  ]);
  socket.write(Buffer.concat([HELLO, ...pairs.flat()]));
  await over;
  assert.equal(reached('frames'), 1);
  await noticesNothing();
});

for (const [what, flood] of [
  ['pings', frame(PING, 0, 0, Buffer.alloc(8))],
  ['settings', frame(SETTINGS, 0, 0)],
] as const) {
  test(`who sends ${what} and takes none of the answers is cut off`, async (t) => {
    const { raw, server, noticesNothing } = await start(t);
    const socket = await raw();
    socket.pause();
    socket.write(HELLO);
    const many = Buffer.concat(Array.from({ length: 2_000 }, () => flood));
    const write = () => {
      if (!socket.destroyed) socket.write(many, (error) => error ?? setImmediate(write));
    };
    write();
    await until('its end', 60_000, undefined, async () => server.load().connections === 0);
    assert.equal(server.load().reached.frames, 1);
    await noticesNothing();
    socket.destroy();
  });
}

test('headers that never end are cut off', async (t) => {
  const { raw, server, noticesNothing } = await start(t);
  const socket = await raw();
  const over = once(socket, 'close');
  socket.write(Buffer.concat([HELLO, frame(HEADERS, 0, 1, Buffer.from([0x82]))]));
  socket.write(Buffer.concat(Array.from({ length: 1_000 }, () => frame(CONTINUATION, 0, 1, Buffer.from([0x82])))));
  await over;
  assert.equal(server.load().reached.frames, 1);
  await noticesNothing();
});

test('who says that it goes and then sends what is no HTTP/2 keeps nothing open', async (t) => {
  const { raw, server, reached, noticesNothing } = await start(t, { headersMs: 300, requestMs: 300 });
  const socket = await raw();
  const over = once(socket, 'close');
  const block = literal({ ':method': 'GET', ':scheme': 'https', ':authority': 'a', ':path': `${CONFIGS}?watch=1`, ...ME });
  const nonsense = frame(SETTINGS, 0, 0, Buffer.of(0));
  socket.write(
    Buffer.concat([HELLO, frame(HEADERS, END_HEADERS | END_STREAM, 1, block), frame(GOAWAY, 0, 0, Buffer.alloc(8)), nonsense]),
  );
  await over;
  await until('no watch', 60_000, undefined, async () => server.load().watches === 0);
  assert.equal(reached('time'), 1);
  await noticesNothing();
});

test('what is no HTTP/2 is cut off', async (t) => {
  const { raw, noticesNothing } = await start(t);
  const socket = await raw();
  const over = once(socket, 'close');
  socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await over;
  await noticesNothing();
});

test('impersonated groups come one by one', async (t) => {
  const groups: (readonly string[])[] = [];
  const server = await startTestServer({
    http: 'HTTP/2',
    policy: {
      authenticate: ({ impersonate }) => {
        groups.push(impersonate.groups);
        return { name: 'x', groups: [] };
      },
    },
  });
  t.after(() => server.close());
  const { port } = server.server.address();
  const session = connect(`https://127.0.0.1:${port}`, { ca: server.authority.certificatePem });
  const stream = session.request({ ':path': CONFIGS, 'impersonate-group': ['a, b', 'c'] });
  await text(stream);
  assert.deepEqual(groups, [['a, b', 'c']]);
  session.destroy();
});

test('a server that closes tells its clients to go away and ends what is open cleanly', async (t) => {
  const { open, server } = await start(t);
  const session = await open();
  const goaway = once(session, 'goaway');
  const watch = session.request({ ...ME, ':path': `${CONFIGS}?watch=1` });
  await answerTo(watch);
  const ended = once(watch, 'close');
  await server.close();
  await ended;
  assert.equal(watch.rstCode, constants.NGHTTP2_NO_ERROR);
  assert.equal((await goaway)[0], constants.NGHTTP2_NO_ERROR);
});

test('a client that stalls holds up no server that closes', async (t) => {
  const { raw, server } = await start(t, { graceMs: 100 });
  const socket = await raw();
  socket.pause();
  const closed = once(socket, 'close');
  await server.close();
  socket.resume();
  await closed;
});
