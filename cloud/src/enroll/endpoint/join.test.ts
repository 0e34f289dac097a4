import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkChain, keyHash, type RefusalReason, readCertificate, readDeviceKey } from '@hawser/protocol';
import { nodeIn } from '../node-identity.ts';
import { ANNOTATIONS, tokenSecretName } from '../tokens/index.ts';
import { join } from './join.ts';
import type { Outcome } from './outcome.ts';
import { failure } from './testing/token-api.ts';
import { createWorld, DAY_MS, deviceKey, joinRequest, LIFETIME_MS, TOKEN, WRONG_SECRETS } from './testing/world.ts';

const REMOTE = '192.0.2.7:40000';
const SECRET_NAME = tokenSecretName(TOKEN.id);

function refusedAs(outcome: Outcome): RefusalReason | 'enrolled' {
  return outcome.type === 'refused' ? outcome.refusal.reason : outcome.type;
}

test('a device with a token gets a certificate for its key and name, and no other; its record is written', async () => {
  const { token, context, devices, clock, authority } = await createWorld();
  token();
  const key = deviceKey();
  const outcome = await join(context, joinRequest(key), REMOTE);
  assert.ok(outcome.type === 'enrolled' && outcome.how === 'joined', refusedAs(outcome));
  const [der] = outcome.enrolled.certificates;
  assert.ok(der !== undefined);
  const leaf = readCertificate(der);
  assert.deepEqual(nodeIn(leaf), { type: 'node', name: 'truck-1' });
  assert.ok(leaf.publicKey.equals(readDeviceKey(key.spki)));
  const chain = { leaf, intermediates: [], roots: [authority.certificate], usage: 'client' as const };
  assert.equal(checkChain({ ...chain, at: clock.now() }).type, 'trusted');
  assert.deepEqual(outcome.enrolled.authorities, [authority.certificate.raw]);
  assert.deepEqual(devices.verdict('truck-1', keyHash(leaf.publicKey)), { type: 'admitted', as: 'key' });
  const entry = devices.entries.get('truck-1');
  assert.ok(entry?.type === 'device');
  assert.equal(entry.record.validTo.getTime(), clock.now().getTime() + LIFETIME_MS);
});

test('joining again with the same key is safe, and the name stays closed to another key', async () => {
  const { token, context } = await createWorld();
  token();
  const key = deviceKey();
  for (let times = 0; times < 3; times += 1) {
    assert.equal(refusedAs(await join(context, joinRequest(key), REMOTE)), 'enrolled');
  }
  assert.equal(refusedAs(await join(context, joinRequest(deviceKey()), REMOTE)), 'nameHeld');
});

test('replacing needs both the wish and a token that was made for it', async () => {
  const { token, context } = await createWorld();
  token();
  assert.equal(refusedAs(await join(context, joinRequest(deviceKey()), REMOTE)), 'enrolled');
  assert.equal(refusedAs(await join(context, joinRequest(deviceKey(), { replace: true }), REMOTE)), 'mayNotReplace');
  token({ id: 'admin0', mayReplace: true });
  const administrators = { token: { ...TOKEN, id: 'admin0' } };
  assert.equal(refusedAs(await join(context, joinRequest(deviceKey(), administrators), REMOTE)), 'nameHeld');
  assert.equal(
    refusedAs(await join(context, joinRequest(deviceKey(), { ...administrators, replace: true }), REMOTE)),
    'enrolled',
  );
});

test('a proof of another key, another name or another nonce is refused before the token is looked at', async () => {
  const { token, context, tokenApi } = await createWorld();
  token();
  const [key, other] = [deviceKey(), deviceKey()];
  const request = joinRequest(key);
  for (const wrong of [
    { ...request, proof: joinRequest(other).proof },
    { ...request, proof: joinRequest(key, { nodeName: 'truck-2' }).proof },
    { ...request, proof: joinRequest(key, { nonce: 'm'.repeat(43) }).proof },
    { ...request, proof: Buffer.from('no signature') },
  ]) {
    assert.equal(refusedAs(await join(context, wrong, REMOTE)), 'badProof');
  }
  assert.equal(tokenApi.requests.length, 0);
});

test('a key of another kind is a bad request', async () => {
  const { token, context } = await createWorld();
  token();
  const outcome = await join(context, { ...joinRequest(deviceKey()), publicKey: Buffer.alloc(91, 1) }, REMOTE);
  assert.equal(refusedAs(outcome), 'badRequest');
});

test('wrong secrets of one token are counted: at the bound it is closed for a while, even to the right one, and others are not', async () => {
  const { token, context, clock, tokenApi } = await createWorld();
  token();
  token({ id: 'other1' });
  const wrong = { token: { ...TOKEN, secret: 'f'.repeat(16) } };
  for (let times = 0; times < WRONG_SECRETS; times += 1) {
    assert.equal(refusedAs(await join(context, joinRequest(deviceKey(), wrong), REMOTE)), 'badToken');
  }
  const asked = tokenApi.requests.length;
  const outcome = await join(context, joinRequest(deviceKey()), REMOTE);
  assert.ok(outcome.type === 'refused' && outcome.status === 429, refusedAs(outcome));
  assert.equal(outcome.retryAfter, 200);
  assert.equal(tokenApi.requests.length, asked, 'the secret is not looked at');
  const others = joinRequest(deviceKey(), { token: { ...TOKEN, id: 'other1' }, nodeName: 'truck-2' });
  assert.equal(refusedAs(await join(context, others, REMOTE)), 'enrolled');
  clock.advance(200_000);
  assert.equal(refusedAs(await join(context, joinRequest(deviceKey()), REMOTE)), 'enrolled');
});

test('a token that is not there is counted and told like a wrong secret', async () => {
  const { context } = await createWorld();
  const outcomes = [];
  for (let times = 0; times <= WRONG_SECRETS; times += 1) outcomes.push(await join(context, joinRequest(deviceKey()), REMOTE));
  assert.deepEqual(outcomes.map(refusedAs), ['badToken', 'badToken', 'badToken', 'tooMany']);
});

test('right secrets are not counted, whatever becomes of the request', async () => {
  const { token, context } = await createWorld();
  token({ nodeName: 'truck-9' });
  for (let times = 0; times < 3 * WRONG_SECRETS; times += 1) {
    assert.equal(refusedAs(await join(context, joinRequest(deviceKey()), REMOTE)), 'otherNode');
  }
});

test('a token for one device is marked with its key before it gets anything; the same key may repeat', async () => {
  const { token, context, tokenApi, devices } = await createWorld();
  token({ isSingleUse: true });
  const key = deviceKey();
  assert.equal(refusedAs(await join(context, joinRequest(key), REMOTE)), 'enrolled');
  assert.equal(tokenApi.annotations(SECRET_NAME)[ANNOTATIONS.usedBy], keyHash(readDeviceKey(key.spki)));
  assert.equal(refusedAs(await join(context, joinRequest(key), REMOTE)), 'enrolled');
  const other = joinRequest(deviceKey(), { nodeName: 'truck-2' });
  assert.equal(refusedAs(await join(context, other, REMOTE)), 'tokenUsed');
  assert.equal(devices.entries.has('truck-2'), false);
});

test('a token for one device gives one name, whatever its device asks for with the same key', async () => {
  const { token, context, devices } = await createWorld();
  token({ isSingleUse: true });
  const key = deviceKey();
  const asked = ['truck-1', 'truck-2', 'control-plane-4'].map((nodeName) => joinRequest(key, { nodeName }));
  const outcomes = await Promise.all(asked.map((request) => join(context, request, REMOTE)));
  assert.deepEqual(outcomes.map(refusedAs).toSorted(), ['enrolled', 'tokenUsed', 'tokenUsed']);
  const later = await join(context, joinRequest(key, { nodeName: 'truck-3' }), REMOTE);
  assert.equal(refusedAs(later), 'tokenUsed');
  assert.equal(devices.entries.size, 1);
});

test('of two that use a token for one device at once, one gets a certificate', async () => {
  for (let times = 0; times < 20; times += 1) {
    const { token, context, devices } = await createWorld();
    token({ isSingleUse: true });
    const requests = ['truck-1', 'truck-2', 'truck-3'].map((nodeName) => joinRequest(deviceKey(), { nodeName }));
    const outcomes = await Promise.all(requests.map((request) => join(context, request, REMOTE)));
    assert.deepEqual(outcomes.map(refusedAs).toSorted(), ['enrolled', 'tokenUsed', 'tokenUsed']);
    assert.equal(devices.entries.size, 1);
  }
});

test('a token that another replica writes to is judged anew, as often as that makes sense', async () => {
  const { token, context, tokenApi } = await createWorld();
  token({ isSingleUse: true });
  let conflicts = 1;
  tokenApi.before = ({ method }) => {
    if (method !== 'PATCH' || conflicts === 0) return undefined;
    conflicts -= 1;
    const { status, text } = failure(409, 'Conflict');
    return { status, body: JSON.parse(text) };
  };
  assert.equal(refusedAs(await join(context, joinRequest(deviceKey()), REMOTE)), 'enrolled');
  conflicts = Number.POSITIVE_INFINITY;
  token({ id: 'other1', isSingleUse: true });
  const outcome = await join(context, joinRequest(deviceKey(), { token: { ...TOKEN, id: 'other1' }, nodeName: 'b' }), REMOTE);
  assert.equal(refusedAs(outcome), 'notNow');
});

test('without an API server, a right or an authority nothing is decided: the device comes again', async () => {
  const { token, context, tokenApi, devices } = await createWorld();
  token({ isSingleUse: true });
  for (const code of [500, 429, 403, 401]) {
    tokenApi.before = () => {
      const { status, text } = failure(code, 'Refused');
      return { status, body: JSON.parse(text) };
    };
    const outcome = await join(context, joinRequest(deviceKey()), REMOTE);
    assert.ok(
      outcome.type === 'refused' && outcome.status === 503 && outcome.retryAfter === 10,
      `${code}: ${refusedAs(outcome)}`,
    );
  }
  tokenApi.before = () => undefined;
  const away = { ...context.issuer, issue: () => Promise.reject(new Error('a fault')) };
  assert.equal(refusedAs(await join({ ...context, issuer: away }, joinRequest(deviceKey()), REMOTE)), 'notNow');
  assert.deepEqual([tokenApi.annotations(SECRET_NAME)[ANNOTATIONS.usedBy], devices.entries.size], [undefined, 0]);
});

test('a token that ends while it is waited for is ended', async () => {
  const { token, context, clock } = await createWorld();
  token();
  clock.advance(DAY_MS);
  assert.equal(refusedAs(await join(context, joinRequest(deviceKey()), REMOTE)), 'badToken');
});
