import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeName, type NameFacts } from './dns.ts';
import { judgeLink, type LinkFacts } from './link.ts';
import { judgeProxy, type ProxyFacts } from './proxy.ts';
import { judgeTcp } from './tcp.ts';

const NAME: NameFacts = {
  ...{ host: 'relay.example', isAddress: false, proxy: undefined, addresses: ['192.0.2.1'], failure: undefined, tookMs: 12 },
  servers: [],
};

test('a name that resolves is shown with its addresses; an address, and what a proxy looks up, are looked up by nobody', () => {
  assert.equal(judgeName(NAME).text, '192.0.2.1, in 12 ms');
  assert.equal(judgeName({ ...NAME, tookMs: 5_000 }).level, 'note');
  assert.match(judgeName({ ...NAME, isAddress: true, addresses: [] }).text, /is an address/);
  assert.match(judgeName({ ...NAME, proxy: 'proxy:3128', addresses: [] }).text, /looked up by the proxy proxy:3128/);
  const many = Array.from({ length: 9 }, (_, index) => `192.0.2.${index}`);
  assert.match(judgeName({ ...NAME, addresses: many }).text, /192\.0\.2\.3 and 5 more,/);
});

test('a name that does not resolve is told with what each name server says, and what to do follows from that', () => {
  const said = (...words: string[]) =>
    judgeName({
      ...{ ...NAME, addresses: [], failure: 'ENOTFOUND' },
      servers: words.map((word, index) => ({ server: `10.0.0.${index}`, said: word })),
    });
  assert.match(said('ENOTFOUND').text, /^does not resolve \(ENOTFOUND\); 10\.0\.0\.0: says that there is no such name$/);
  assert.match(said('ENOTFOUND', 'ENODATA').remedy ?? '', /written right/);
  assert.match(said('ETIMEOUT', 'ECONNREFUSED').remedy ?? '', /no name server answers/);
  assert.match(said().remedy ?? '', /no name server in/);
  assert.match(said('ETIMEOUT', 'addresses').text, /10\.0\.0\.0: does not answer, 10\.0\.0\.1: knows it/);
  assert.match(said('ESERVFAIL').text, /does not want to say \(ESERVFAIL\)/);
  assert.equal(judgeName({ ...NAME, addresses: [] }).level, 'problem');
});

const PROXY: ProxyFacts = {
  ...{ relay: 'wss://r', variables: [], proxy: undefined, wrong: undefined, failure: undefined, otherwise: undefined },
};

test('the way to a relay is told: directly, though variables are set, or through a proxy', () => {
  const text = (facts: Partial<ProxyFacts>) =>
    judgeProxy({ ...PROXY, ...facts }).map((finding) => `${finding.level} ${finding.text}`);
  assert.deepEqual(text({}), ['ok dialled directly: no proxy is set']);
  assert.deepEqual(text({ variables: ['HTTPS_PROXY', 'NO_PROXY'] }), [
    'ok dialled directly: HTTPS_PROXY, NO_PROXY are set, and not for this address',
  ]);
  assert.deepEqual(text({ proxy: 'proxy:3128', variables: ['HTTPS_PROXY'] }), ['ok the proxy proxy:3128 lets us through']);
  assert.match(text({ wrong: 'HTTPS_PROXY is not the address of an HTTP proxy' })[0] ?? '', /^problem HTTPS_PROXY is not/);
  const [refused] = judgeProxy({
    ...{ ...PROXY, proxy: 'p:1' },
    failure:
      'the proxy p:1 lets nobody connect to r:443 (HTTP 403): its operator must allow CONNECT to it, or NO_PROXY must name it',
  });
  assert.equal(refused?.text, 'the proxy p:1 lets nobody connect to r:443 (HTTP 403)');
  assert.match(refused?.remedy ?? '', /^its operator must allow/);
  assert.deepEqual(
    judgeProxy({ ...PROXY, otherwise: ['HTTPS_PROXY'] }).map(({ level }) => level),
    ['ok', 'note'],
  );
});

test('a connection is timed, and what it fails with has a remedy, unless another check has told it', () => {
  const tcp = (kind: string | undefined, tookMs = 3) =>
    judgeTcp({
      ...{ relay: 'wss://r', proxy: undefined, address: '192.0.2.1:443', tookMs },
      failure: kind === undefined ? undefined : { kind, detail: `it is ${kind}` },
    });
  assert.deepEqual([tcp(undefined).level, tcp(undefined).text], ['ok', '192.0.2.1:443 in 3.0 ms']);
  assert.equal(tcp(undefined, 4_000).level, 'note');
  for (const kind of ['refused', 'timeout', 'unreachable']) assert.equal(tcp(kind).level, 'problem', kind);
  for (const kind of ['dns', 'proxy']) assert.equal(tcp(kind).level, 'unseen', kind);
});

const LIVE = {
  ...{ version: '0.1.0', pid: 7, session: 'inSync', clock: 'right', clockOffsetMs: null, reports: { inFlight: 0, held: 0 } },
  logLevel: { level: 'info', configured: 'info' },
  link: { state: 'open', relay: 'wss://r', since: '2026-06-01T00:00:00.000Z', nextDial: null, failure: null },
} as const;

test('of the link the running agent has the word; else what came of a greeting', () => {
  const link = (facts: Partial<LinkFacts>) =>
    judgeLink({ live: undefined, isSilent: false, tried: undefined, clusterUid: undefined, ...facts });
  assert.match(link({ live: LIVE }).text, /^open since .*, inSync/);
  const failure = { kind: 'forbidden', detail: 'r does not let this device in', time: '2026-06-01T00:00:00.000Z' };
  const down = link({ live: { ...LIVE, link: { ...LIVE.link, state: 'waiting', failure } } });
  assert.deepEqual([down.level, down.text], ['problem', 'down: r does not let this device in']);
  assert.match(down.remedy ?? '', /hawser-relay devices/);
  assert.equal(link({ live: { ...LIVE, link: { ...LIVE.link, state: 'dialling' } } }).level, 'unseen');
  assert.equal(link({ isSilent: true }).level, 'unseen');
  assert.equal(link({ tried: { type: 'notTried', why: 'no store' } }).text, 'no store');
  const welcome = { type: 'welcome', relay: 'wss://r', relayVersion: '0.1.0', clusterUid: 'c1', tookMs: 40 } as const;
  assert.equal(link({ tried: welcome }).level, 'ok');
  assert.equal(link({ tried: welcome, clusterUid: 'c1' }).level, 'ok');
  assert.match(link({ tried: welcome, clusterUid: 'c2' }).text, /speaks for the cluster c1, and the store is of c2/);
  const kinds = [
    'dns',
    'refused',
    'unreachable',
    'timeout',
    'relayCertificate',
    'relayNotBegun',
    'cutOff',
    'ownCertificate',
    'ownCertificateEnded',
  ];
  for (const kind of [...kinds, 'proxy', 'notFound', 'forbidden', 'busy', 'unexpected', 'silent', 'ended', 'dropped', 'redial']) {
    const tried = link({ tried: { type: 'failed', relay: 'wss://r', kind, detail: 'so' } });
    assert.deepEqual([tried.level, (tried.remedy ?? '').length > 10], ['problem', true], kind);
  }
});
