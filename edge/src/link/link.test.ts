import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { failure, type LinkFailure, type LinkFailureKind } from './failure.ts';
import { createLink, type LinkOptions } from './link.ts';
import { simulatedClock } from './simulated-clock.ts';
import type { LinkTls, SocketEvents } from './socket.ts';

const TLS: LinkTls = { cert: '', key: '', ca: '' };

/** A link whose sockets are played by the test. */
function harness(options: Partial<LinkOptions> = {}) {
  const clock = simulatedClock();
  const sockets: { url: string; at: number; events: SocketEvents; ended: string | undefined }[] = [];
  const downs: LinkFailure[] = [];
  const frames: number[] = [];
  const link = createLink({
    urls: ['wss://a:1'],
    tls: () => TLS,
    backoff: { baseMs: 1_000, capMs: 60_000 },
    clock,
    random: () => 0.5,
    logger: pino({ level: 'silent' }),
    onConnected: () => {},
    onFrame: (bytes) => frames.push(bytes.length),
    onDown: (reason) => downs.push(reason),
    onState: () => {},
    open: (url, _tls, events) => {
      const socket = { url, at: clock.time(), events, ended: undefined as string | undefined };
      sockets.push(socket);
      let bytes = 0;
      return {
        send: () => {},
        ping: () => {},
        // Something comes all the time, so that only the test ends a socket.
        bytesRead: () => ++bytes,
        bytesWritten: () => 0,
        pong: () => {},
        destroy: () => {
          socket.ended ??= 'destroyed';
        },
        close: (code, reason) => {
          socket.ended ??= `${code} ${reason}`;
        },
      };
    },
    ...options,
  });
  const last = () => sockets.at(-1) ?? assert.fail('nothing was dialled');
  const fail = (kind: LinkFailureKind = 'refused', retryAfterMs = 0) => last().events.failed(failure(kind, kind, retryAfterMs));
  const open = () => {
    last().events.connected();
    link.welcomed();
  };
  return { clock, sockets, downs, frames, link, last, fail, open };
}

test('the states follow each other: idle, dialling, greeting, open, waiting, dialling', () => {
  const { link, clock, open, fail, last } = harness();
  const names = [link.state().name];
  link.start();
  names.push(link.state().name);
  last().events.connected();
  names.push(link.state().name);
  link.welcomed();
  names.push(link.state().name);
  fail('silent');
  names.push(link.state().name);
  clock.advance(500);
  names.push(link.state().name);
  open();
  link.close();
  names.push(link.state().name);
  assert.deepEqual(names, ['idle', 'dialling', 'greeting', 'open', 'waiting', 'dialling', 'closed']);
});

test('waits grow with each failure up to the cap', () => {
  const { link, clock, fail } = harness();
  const waits: number[] = [];
  link.start();
  for (let attempt = 0; attempt < 9; attempt++) {
    fail();
    const state = link.state();
    assert.equal(state.name, 'waiting');
    const wait = state.until.getTime() - clock.time();
    waits.push(wait);
    clock.advance(wait);
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
});

test('a link that stood long enough begins the waits anew, one that fell over at once does not', () => {
  const { link, clock, fail, open, sockets } = harness();
  const waitAfterOpenFor = (milliseconds: number) => {
    open();
    clock.advance(milliseconds);
    fail('ended');
    const state = link.state();
    assert.equal(state.name, 'waiting');
    const wait = state.until.getTime() - clock.time();
    clock.advance(wait);
    return wait;
  };
  link.start();
  assert.deepEqual([100, 100, 100, 10_000, 100].map(waitAfterOpenFor), [500, 1000, 2000, 500, 1000]);
  assert.equal(sockets.length, 6);
});

test('several relays are dialled in turn, with a wait after the last', () => {
  const { link, clock, sockets, fail } = harness({ urls: ['wss://a:1', 'wss://b:2', 'wss://c:3'] });
  link.start();
  for (let attempt = 0; attempt < 5; attempt++) {
    fail();
    clock.advance(0);
    const state = link.state();
    if (state.name === 'waiting') clock.advance(state.until.getTime() - clock.time());
  }
  assert.deepEqual(
    sockets.map(({ url }) => url.at(6)),
    ['a', 'b', 'c', 'a', 'b', 'c'],
  );
  assert.deepEqual(
    sockets.map(({ at }) => at),
    [0, 0, 0, 500, 500, 500],
  );
});

test("the relay's wish for a longer wait is honoured, up to an hour", () => {
  const { link, clock, fail, open } = harness();
  const until = () => {
    const state = link.state();
    return state.name === 'waiting' ? state.until.getTime() - clock.time() : assert.fail(state.name);
  };
  link.start();
  fail('busy', 90_000);
  assert.equal(until(), 90_000);
  clock.advance(90_000);
  open();
  link.goodbye('overloaded', 300_000);
  assert.equal(until(), 300_000);
  clock.advance(300_000);
  open();
  link.goodbye('shuttingDown', Number.MAX_SAFE_INTEGER);
  assert.equal(until(), 3_600_000);
});

test('a relay of another cluster is left alone, and the other addresses are dialled meanwhile', () => {
  const { link, clock, sockets, fail, open } = harness({ urls: ['wss://a:1', 'wss://b:2', 'wss://c:3'] });
  link.start();
  fail();
  clock.advance(0);
  open();
  link.goodbye('wrongCluster', 300_000, 'address');
  while (clock.time() < 400_000) {
    clock.advance(500);
    if (link.state().name === 'dialling') fail();
  }
  const dialled = (from: number, to: number) =>
    sockets
      .filter(({ at }) => at >= from && at < to)
      .map(({ url }) => url.at(6))
      .join('');
  assert.match(dialled(1, 300_000), /^(ca){5,}c?$/, 'the others in turn');
  assert.match(dialled(300_000, 400_000), /b/, 'then it is asked again');
  assert.ok(sockets.length < 40, 'and a round is still followed by a wait');
});

test('where all relays are to be left alone, the one whose wait ends first is dialled then', () => {
  const { link, clock, sockets, open, last } = harness({ urls: ['wss://a:1', 'wss://b:2'] });
  link.start();
  last().events.connected();
  link.drop('wrong cluster', { retryAfterMs: 300_000, holds: 'address' });
  clock.advance(100);
  open();
  link.goodbye('wrongCluster', 200_000, 'address');
  clock.advance(199_000);
  assert.equal(sockets.length, 2);
  clock.advance(1_000);
  assert.deepEqual(
    sockets.map(({ url, at }) => [url.at(6), at]),
    [
      ['a', 0],
      ['b', 0],
      ['b', 200_100],
    ],
  );
  clock.set(-3_600_000);
  open();
  link.goodbye('shuttingDown', 0);
  clock.advance(1_000);
  assert.equal(last().url, 'wss://a:1', 'a clock that is set back holds nothing for longer');
});

test('a link is ended with a reason when what came over it was wrong', () => {
  const { link, last, open, downs } = harness();
  link.start();
  open();
  link.drop('malformed frame', { code: 1002, retryAfterMs: 5_000 });
  assert.equal(last().ended, '1002 malformed frame');
  assert.deepEqual(downs, [{ kind: 'dropped', detail: 'malformed frame', retryAfterMs: 5_000 }]);
});

test('a dial that is not answered is given up, wherever on its way the network has died, and made again', () => {
  const { link, clock, sockets, downs } = harness();
  link.start();
  clock.advance(59_999);
  assert.equal(link.state().name, 'dialling');
  clock.advance(1);
  assert.equal(downs.length, 0, 'no link was lost');
  assert.deepEqual([link.state().name, sockets[0]?.ended], ['waiting', 'destroyed']);
  assert.deepEqual(link.stats().failures, { timeout: 1 });
  clock.advance(500);
  assert.equal(sockets.length, 2);
  sockets[1]?.events.connected();
  link.welcomed();
  clock.advance(60_000);
  assert.equal(link.state().name, 'open', 'one that was answered has no deadline');
});

test('a relay that does not answer the greeting is left', () => {
  const { link, clock, last, downs } = harness();
  link.start();
  last().events.connected();
  clock.advance(15_000);
  assert.equal(downs[0]?.kind, 'timeout');
  assert.equal(last().ended, 'destroyed');
});

test('late events of an earlier socket change nothing', () => {
  const { link, clock, sockets, open, fail, frames, downs } = harness();
  link.start();
  open();
  fail('silent');
  clock.advance(60_000);
  open();
  const [first] = sockets;
  first?.events.frame(new Uint8Array(3));
  first?.events.failed(failure('ended', 'late'));
  assert.deepEqual(frames, []);
  assert.equal(downs.length, 1);
  assert.equal(link.state().name, 'open');
});

test('files of the certificate that cannot be read count as a failed dial', () => {
  let isThere = false;
  const { link, clock, sockets } = harness({
    tls: () => {
      if (!isThere) throw new Error('/d.crt: no such file');
      return TLS;
    },
  });
  link.start();
  const state = link.state();
  assert.ok(state.name === 'waiting' && state.reason.detail === '/d.crt: no such file');
  isThere = true;
  clock.advance(state.until.getTime() - clock.time());
  assert.equal(sockets.length, 1);
});

test('after close nothing is dialled any more', () => {
  const waiting = harness();
  waiting.link.start();
  waiting.fail();
  waiting.link.close();
  waiting.clock.advance(600_000);
  assert.equal(waiting.sockets.length, 1);

  const open = harness();
  open.link.start();
  open.open();
  open.link.close();
  assert.equal(open.last().ended, '1000 the agent ends');
  open.clock.advance(600_000);
  assert.deepEqual([open.sockets.length, open.downs.length], [1, 0]);
});

test('a listener that closes the link when it goes down is obeyed', () => {
  const { link, clock, sockets, open, fail } = harness({ onDown: () => link.close() });
  link.start();
  open();
  fail('ended');
  clock.advance(600_000);
  assert.deepEqual([link.state().name, sockets.length], ['closed', 1]);
});

test('a relay that does not want the device is dialled at once first, and less and less often, up to a quarter of an hour', () => {
  const { link, clock, fail } = harness({ random: () => 0.999_999 });
  const waits: number[] = [];
  link.start();
  for (let dial = 0; dial < 14; dial += 1) {
    const before = clock.time();
    fail('forbidden');
    while (link.state().name === 'waiting') clock.advance(500);
    waits.push((clock.time() - before) / 1_000);
  }
  assert.deepEqual(waits.slice(0, 3), [1, 2, 4]);
  assert.deepEqual(waits.slice(-2), [900, 900]);
});

test('a link is made anew at once for another certificate: an open one is told so, a wait is cut short', () => {
  const { link, clock, open, fail, last, sockets, downs } = harness();
  link.start();
  open();
  clock.advance(60_000);
  link.redial('renewed');
  assert.equal(last().ended, '1000 renewed');
  assert.deepEqual(
    downs.map(({ kind }) => kind),
    ['redial'],
  );
  clock.advance(0);
  assert.equal(sockets.length, 2);
  fail('refused', 600_000);
  assert.equal(link.state().name, 'waiting');
  link.redial('renewed');
  assert.equal(sockets.length, 3);
  assert.equal(link.state().name, 'dialling');
});

test('a relay that stops moves the link to the next address after the wait that it asks for, and no wait grows by it', () => {
  const { link, clock, sockets, fail, open } = harness({ urls: ['wss://a:1', 'wss://b:2'] });
  const waitMs = () => {
    const state = link.state();
    return state.name === 'waiting' ? state.until.getTime() - clock.time() : assert.fail(state.name);
  };
  link.start();
  for (let round = 0; round < 5; round += 1) {
    open();
    clock.advance(10_000);
    link.moved('another replica takes this device', 150);
    assert.equal(waitMs(), 150);
    clock.advance(150);
  }
  assert.deepEqual(
    sockets.map(({ url }) => url.at(6)),
    ['a', 'b', 'a', 'b', 'a', 'b'],
  );
  fail();
  assert.equal(waitMs(), 500, 'the first wait of a failure');
});

test('a relay that moves every link as soon as it stands is not dialled without pause', () => {
  const { link, clock, open } = harness();
  const waits: number[] = [];
  link.start();
  for (let round = 0; round < 4; round += 1) {
    open();
    link.moved('moved', 0);
    const state = link.state();
    assert.equal(state.name, 'waiting');
    waits.push(state.until.getTime() - clock.time());
    clock.advance(waits.at(-1) ?? 0);
  }
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000]);
});

test('where there is nothing to dial with the link waits as it is told, and opens no socket', () => {
  let answer: LinkTls | LinkFailure = failure('ownCertificateEnded', 'it has ended', 30_000);
  const { link, clock, sockets, open } = harness({ tls: () => answer });
  link.start();
  assert.equal(sockets.length, 0);
  const state = link.state();
  assert.equal(state.name === 'waiting' && state.reason.detail, 'it has ended');
  clock.advance(29_000);
  answer = TLS;
  assert.equal(sockets.length, 0);
  clock.advance(1_000);
  open();
  assert.equal(link.state().name, 'open');
});
