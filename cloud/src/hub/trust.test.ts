import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { type KeyHash, keyHash, type RenewalOutcome, renewalProof, signProof } from '@hawser/protocol';
import { ManualClock } from '../downstream/testing/manual-clock.ts';
import type { Announced, DeviceVerdict, LinkedDevice } from '../enroll/index.ts';
import { Listeners } from '../enroll/listeners.ts';
import { edge1, edge2, HELLO, start, tls, upgrade } from './testing/harness.ts';
import { type Trust, type TrustedLink, watchTrust } from './trust.ts';

const KEY_1 = keyHash(new X509Certificate(edge1.certificatePem).publicKey);
const KEY_2 = keyHash(new X509Certificate(edge2.certificatePem).publicKey);

const refusal = (why: Extract<DeviceVerdict, { type: 'refused' }>['why']): DeviceVerdict => ({
  type: 'refused',
  why,
  text: `so: ${why}`,
});

/** Records of devices, by key, that a test sets. */
function scene(verdicts: Record<KeyHash, DeviceVerdict> = {}) {
  const changes = new Listeners<[node: string]>();
  const linked: string[] = [];
  const looked: string[] = [];
  const devices: { -readonly [Name in keyof Trust['devices']]: Trust['devices'][Name] } = {
    verdict: (_node, key) => verdicts[key] ?? { type: 'admitted', as: 'key' },
    lookAgain: async (node) => void looked.push(node),
    linked: (node, key) => linked.push(`${node} ${key}`),
    onChange: (listener) => changes.add(listener),
  };
  const set = (node: string, key: KeyHash, verdict: DeviceVerdict) => {
    verdicts[key] = verdict;
    changes.tell(node);
  };
  return { devices, linked, looked, set };
}

for (const [why, status, retryAfter] of [
  ['revoked', 403, undefined],
  ['otherKey', 403, undefined],
  ['unreadable', 503, '300'],
  ['notSynced', 503, '5'],
] as const) {
  test(`a device is not let in: ${why}`, async (t) => {
    const { devices } = scene({ [KEY_1]: refusal(why) });
    const { hub, dial, seen } = await start(t, { trust: { devices } });
    assert.deepEqual(await upgrade(hub.port, edge1), { status, text: `so: ${why}\n`, retryAfter });
    assert.ok(seen.includes(`refused ${why}`));
    assert.equal((await (await dial(edge2)).greet()).type, 'welcome', 'others notice nothing');
  });
}

for (const why of ['revoked', 'otherKey', 'unreadable'] as const) {
  test(`a live link ends at once when its device is not let in any more: ${why}; others notice nothing`, async (t) => {
    const { devices, set } = scene();
    const { dial, hub, counted } = await start(t, { trust: { devices } });
    const [agent, other] = [await dial(edge1), await dial(edge2)];
    await agent.greet();
    await other.greet();
    set('edge-1', KEY_1, refusal(why));
    const { goodbye, code } = await agent.goodbye();
    assert.deepEqual([goodbye.reason, goodbye.detail, code], ['revoked', `so: ${why}`, 4005]);
    assert.equal(goodbye.retryAfterMs, why === 'unreadable' ? 300_000 : 3_600_000);
    await counted('ended revoked');
    assert.equal(hub.sessions.count, 1);
    set('edge-2', KEY_1, refusal(why));
    other.send({ type: 'renew', publicKey: new Uint8Array([1]), proof: new Uint8Array([1]) });
    assert.equal((await other.next()).type, 'renewed');
  });
}

test('the record of a device that seems to be replaced is read once more before it is sent away, and no other', async (t) => {
  const { devices, looked, set } = scene({ [KEY_1]: refusal('otherKey'), [KEY_2]: refusal('revoked') });
  const late = new Promise<void>((resolve) => {
    devices.lookAgain = async (node) => {
      looked.push(node);
      set('edge-1', KEY_1, { type: 'admitted', as: 'key' });
      resolve();
    };
  });
  const { hub, dial } = await start(t, { trust: { devices } });
  assert.equal((await (await dial(edge1)).greet()).type, 'welcome');
  await late;
  assert.equal((await upgrade(hub.port, edge2)).status, 403);
  assert.deepEqual(looked, ['edge-1']);
});

test('a device that goes while its record is read ends nothing but itself', async (t) => {
  const { devices } = scene({ [KEY_1]: refusal('otherKey') });
  let read = () => {};
  const asked = new Promise<void>((resolve) => {
    devices.lookAgain = () => {
      resolve();
      return new Promise((done) => {
        read = done;
      });
    };
  });
  const { hub, dial, counted } = await start(t, { trust: { devices } });
  const tcp = connect(hub.port, '127.0.0.1');
  const socket = await tls(hub.port, edge1, { socket: tcp });
  socket.on('error', () => undefined);
  socket.write('GET /v1/link HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n');
  socket.write('Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n');
  await asked;
  tcp.resetAndDestroy();
  await once(tcp, 'close');
  read();
  await counted('refused otherKey');
  assert.equal((await (await dial(edge2)).greet()).type, 'welcome');
});

test('records that are read anew end no link', async (t) => {
  const { devices, set } = scene();
  const { dial } = await start(t, { trust: { devices } });
  const agent = await dial();
  await agent.greet();
  set('edge-1', KEY_1, refusal('notSynced'));
  agent.send({ type: 'renew', publicKey: new Uint8Array([1]), proof: new Uint8Array([1]) });
  assert.equal((await agent.next()).type, 'renewed');
});

test('a device that is revoked between its upgrade and its hello gets no session', async (t) => {
  const { devices, set } = scene();
  const { dial, sessions } = await start(t, { trust: { devices } });
  const agent = await dial();
  set('edge-1', KEY_1, refusal('revoked'));
  agent.send(HELLO);
  assert.equal((await agent.goodbye()).code, 4005);
  assert.equal(sessions.length, 0);
});

test('the first link with the next key of a device is told, and one with its key is not', async (t) => {
  const { devices, linked } = scene({ [KEY_2]: { type: 'admitted', as: 'nextKey' } });
  const { dial } = await start(t, { trust: { devices } });
  for (const pair of [edge1, edge2]) await (await dial(pair)).greet();
  assert.deepEqual(linked, [`edge-2 ${KEY_2}`]);
});

test('a renewal goes on with the certificate that TLS has verified; a second one meanwhile ends the link', async (t) => {
  const asked: { device: LinkedDevice; answer: (outcome: RenewalOutcome) => void }[] = [];
  const { dial } = await start(t, {
    trust: { renew: (device) => new Promise((answer) => asked.push({ device, answer })) },
  });
  const agent = await dial();
  await agent.greet();
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const proof = signProof(renewalProof(new X509Certificate(edge1.certificatePem)), privateKey);
  const renew = { type: 'renew' as const, publicKey: publicKey.export({ type: 'spki', format: 'der' }), proof };
  const issued: RenewalOutcome = { type: 'issued', certificates: [new Uint8Array([1, 2, 3])] };
  agent.send(renew);
  while (asked.length === 0) await new Promise(setImmediate);
  assert.deepEqual(asked[0]?.device.nodeName, 'edge-1');
  assert.deepEqual(asked[0]?.device.certificate.raw, new X509Certificate(edge1.certificatePem).raw);
  asked[0]?.answer(issued);
  const renewed = await agent.next();
  assert.ok(renewed.type === 'renewed' && renewed.outcome.type === 'issued');
  assert.deepEqual([...(renewed.outcome.certificates[0] ?? [])], [1, 2, 3]);
  agent.send(renew);
  agent.send(renew);
  const { goodbye, code } = await agent.goodbye();
  assert.deepEqual([goodbye.reason, code], ['protocolError', 1002]);
  // Its answer comes to a link that is over.
  asked[1]?.answer(issued);
});

/** Authorities by a letter. */
const announced = (letter: string): Announced => ({
  digest: createHash('sha256').update(letter).digest('hex').slice(0, 16),
  certificates: [Buffer.from(letter)],
});

test('authorities are told after a welcome to whoever has others and takes them from the relay, and when they change', async (t) => {
  const changes = new Listeners();
  let current = announced('a');
  const { dial } = await start(t, {
    trust: { authorities: { current: () => current, onChange: (listener) => changes.add(listener) } },
  });
  const [same, older, byFiles] = [await dial(edge1), await dial(edge2), await dial(edge1)];
  await same.greet({ authorities: announced('a').digest });
  await older.greet({ authorities: announced('0').digest });
  const told = await older.next();
  assert.ok(told.type === 'authorities');
  assert.deepEqual(
    told.certificates.map((one) => Buffer.from(one).toString()),
    ['a'],
  );
  current = announced('b');
  changes.tell();
  for (const agent of [same, older]) {
    const message = await agent.next();
    assert.ok(message.type === 'authorities' && Buffer.from(message.certificates[0] ?? []).toString() === 'b');
  }
  // The node's newest link, whose agent was given its authorities as files.
  await byFiles.greet({ authorities: undefined });
  current = announced('c');
  changes.tell();
  byFiles.send({ type: 'renew', publicKey: new Uint8Array([1]), proof: new Uint8Array([1]) });
  assert.equal((await byFiles.next()).type, 'renewed', 'and nothing before it');
});

test('new authorities go to thousands of links some at a time, and the newest to those that are still to be told', () => {
  const clock = new ManualClock();
  const changes = new Listeners();
  let told = 0;
  const links: TrustedLink[] = Array.from({ length: 1_000 }, (_, n) => ({
    node: `edge-${n}`,
    key: KEY_1,
    issuedAt: new Date(0),
    end: () => assert.fail('no link ends'),
    tellAuthorities: () => void told++,
  }));
  const stop = watchTrust({
    trust: {
      ...scene(),
      renew: () => assert.fail('no renewal'),
      authorities: { current: () => undefined, onChange: (listener) => changes.add(listener) },
    },
    sessions: { find: () => undefined, all: () => links },
    clock,
  });
  changes.tell();
  const atOnce = told;
  assert.ok(atOnce > 0 && atOnce <= 50);
  clock.advance(60_000);
  assert.equal(told, 1_000);
  changes.tell();
  changes.tell();
  clock.advance(60_000);
  assert.equal(told, 2_000 + atOnce, 'begun anew');
  changes.tell();
  stop();
  clock.advance(60_000);
  assert.equal(told, 2_000 + 2 * atOnce);
  assert.equal(clock.timers, 0);
});
