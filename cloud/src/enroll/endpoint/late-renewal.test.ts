import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { type KeyHash, keyHash, type RefusalReason, readCertificate, readDeviceKey } from '@hawser/protocol';
import fc from 'fast-check';
import { createAuthority } from '../../../../test/support/pki.ts';
import type { Authority } from '../authority/authority.ts';
import { makeAuthority, makeLeaf } from '../authority/certificates.ts';
import { rotate } from '../authority/testing.ts';
import { join } from './join.ts';
import { renewLate } from './late-renewal.ts';
import type { Outcome } from './outcome.ts';
import {
  createWorld,
  DAY_MS,
  type DeviceKey,
  deviceKey,
  GRACE_MS,
  joinRequest,
  LIFETIME_MS,
  renewalRequest,
} from './testing/world.ts';

const refusedAs = (outcome: Outcome): RefusalReason | 'enrolled' =>
  outcome.type === 'refused' ? outcome.refusal.reason : outcome.type;
const hashOf = (key: DeviceKey): KeyHash => keyHash(readDeviceKey(key.spki));

/** A world in which a device has joined. */
async function joined() {
  const world = await createWorld();
  world.token();
  const key = deviceKey();
  const outcome = await join(world.context, joinRequest(key), '192.0.2.7:40000');
  assert.ok(outcome.type === 'enrolled');
  const [der] = outcome.enrolled.certificates;
  assert.ok(der !== undefined);
  const certificate = readCertificate(der);
  return { ...world, key, old: { certificate, key: key.privateKey } };
}

/** A certificate for `truck-1` by somebody, that ends in a day. */
async function certified(
  by: Pick<Authority, 'certificate' | 'key'>,
  key: DeviceKey,
  now: Date,
  usage: 'client' | 'server' = 'client',
) {
  const subject = [{ O: ['system:nodes'] }, { CN: ['system:node:truck-1'] }];
  return makeLeaf({ usage, subject, publicKey: readDeviceKey(key.spki), names: [], lifetimeMs: DAY_MS }, by, now);
}

test('a device whose certificate ended within the grace gets one for a new key; both keys are let in until it has linked', async () => {
  const { context, clock, devices, key, old } = await joined();
  clock.advance(LIFETIME_MS + GRACE_MS - 1_000);
  const next = deviceKey();
  const outcome = await renewLate(context, renewalRequest(old, next));
  assert.ok(outcome.type === 'enrolled' && outcome.how === 'renewed', refusedAs(outcome));
  const [der] = outcome.enrolled.certificates;
  assert.ok(der !== undefined);
  const leaf = readCertificate(der);
  assert.ok(leaf.publicKey.equals(readDeviceKey(next.spki)));
  assert.equal(leaf.subject, old.certificate.subject);
  assert.ok(leaf.validFromDate <= clock.now() && clock.now() < leaf.validToDate);
  assert.deepEqual(devices.verdict('truck-1', hashOf(key)), { type: 'admitted', as: 'key' });
  assert.deepEqual(devices.verdict('truck-1', hashOf(next)), { type: 'admitted', as: 'nextKey' });
  const again = await renewLate(context, renewalRequest(old, next));
  assert.equal(refusedAs(again), 'enrolled', 'the answer may have been lost');
});

test('one beyond the grace has to join again', async () => {
  const { context, clock, old } = await joined();
  clock.advance(LIFETIME_MS + GRACE_MS + 1_000);
  assert.equal(refusedAs(await renewLate(context, renewalRequest(old, deviceKey()))), 'beyondGrace');
});

test('one that has not ended, or has not begun, is renewed too: clocks are wrong', async () => {
  const { context, clock, old } = await joined();
  assert.equal(refusedAs(await renewLate(context, renewalRequest(old, deviceKey()))), 'enrolled');
  clock.advance(-400 * DAY_MS);
  assert.ok(clock.now() < old.certificate.validFromDate);
  assert.equal(refusedAs(await renewLate(context, renewalRequest(old, deviceKey()))), 'enrolled');
});

test('an expired certificate that signed itself, or is of another authority, ours by name or not, is nobody’s', async () => {
  const { context, clock, authority } = await joined();
  const stranger = await makeAuthority(clock.now());
  const key = deviceKey();
  const ours = await namesake(authority.certificate);
  const byStranger = await certified(stranger, key, clock.now());
  const byItself = await certified({ certificate: byStranger, key: key.privateKey }, key, clock.now());
  assert.ok(byItself.verify(byItself.publicKey) && byItself.issuer === byItself.subject);
  const certificates = [byItself, byStranger, await certified(ours, key, clock.now())];
  clock.advance(2 * DAY_MS);
  for (const certificate of certificates) {
    const request = renewalRequest({ certificate, key: key.privateKey }, deviceKey());
    for (const chain of [[], [stranger.certificate.raw, ours.certificate.raw], [authority.certificate.raw]]) {
      const outcome = await renewLate(context, { ...request, certificates: [certificate.raw, ...chain] });
      assert.equal(refusedAs(outcome), 'notOurs');
    }
  }
  assert.ok(certificates.some(({ issuer }) => issuer === authority.certificate.subject));
});

test('a certificate of ours that is not a device’s is nobody’s: a server’s, the authority’s own, another client’s', async () => {
  const { context, clock, authority } = await joined();
  const key = deviceKey();
  const by = { certificate: authority.certificate, key: authority.key };
  const subject = [{ O: ['system:masters'] }, { CN: ['kubernetes-admin'] }];
  const admin = { usage: 'client' as const, subject, publicKey: readDeviceKey(key.spki), names: [], lifetimeMs: DAY_MS };
  for (const certificate of [await certified(by, key, clock.now(), 'server'), await makeLeaf(admin, by, clock.now())]) {
    assert.equal(
      refusedAs(await renewLate(context, renewalRequest({ certificate, key: key.privateKey }, deviceKey()))),
      'notOurs',
    );
  }
  const root = { certificate: authority.certificate, key: authority.key };
  assert.equal(refusedAs(await renewLate(context, renewalRequest(root, deviceKey()))), 'notOurs');
});

test('a certificate without its key gets nothing, nor does a new key that is not shown', async () => {
  const { context, clock, devices, key, old } = await joined();
  clock.advance(LIFETIME_MS + DAY_MS);
  const [thief, next] = [deviceKey(), deviceKey()];
  const good = renewalRequest(old, next);
  const stolen = renewalRequest({ ...old, key: thief.privateKey }, next);
  for (const request of [
    stolen,
    { ...good, signature: stolen.signature },
    { ...good, signature: good.proof },
    { ...good, proof: good.signature },
    { ...good, publicKey: thief.spki },
    { ...good, nonce: 'm'.repeat(43) },
    { ...good, signature: Buffer.from('no signature') },
  ]) {
    assert.equal(refusedAs(await renewLate(context, request)), 'badProof');
  }
  const replayed = { ...renewalRequest(old, thief), signature: good.signature };
  assert.equal(refusedAs(await renewLate(context, replayed)), 'badProof');
  assert.deepEqual(devices.verdict('truck-1', hashOf(key)), { type: 'admitted', as: 'key' });
  assert.equal(devices.verdict('truck-1', hashOf(next)).type, 'refused');
});

test('a renewal makes a new key', async () => {
  const { context, old, key } = await joined();
  assert.equal(refusedAs(await renewLate(context, renewalRequest(old, key))), 'badRequest');
});

test('a revoked device stays out, and so does one whose name another key has now', async () => {
  const { context, clock, devices, old, token, key } = await joined();
  clock.advance(LIFETIME_MS + DAY_MS);
  token({ id: 'admin0', mayReplace: true });
  const administrators = { token: { id: 'admin0', secret: '0123456789abcdef' }, replace: true };
  assert.equal(refusedAs(await join(context, joinRequest(deviceKey(), administrators), '192.0.2.8:1')), 'enrolled');
  assert.equal(refusedAs(await renewLate(context, renewalRequest(old, deviceKey()))), 'otherKey');
  assert.equal(devices.verdict('truck-1', hashOf(key)).type, 'refused');
  const another = await joined();
  another.devices.revoke('truck-1');
  assert.equal(refusedAs(await renewLate(another.context, renewalRequest(another.old, deviceKey()))), 'revoked');
});

test('before the records are read nobody is renewed, and nobody is turned away for good', async () => {
  const { context, devices, old } = await joined();
  devices.isSynced = false;
  const outcome = await renewLate(context, renewalRequest(old, deviceKey()));
  assert.ok(outcome.type === 'refused' && outcome.status === 503, refusedAs(outcome));
});

test('a device that was away during a rotation is renewed by the new authority, and after the old one is retired it is not', async () => {
  const { context, clock, source, authority, old } = await joined();
  const rotated = await rotate(authority, clock.now());
  source.set(rotated);
  clock.advance(LIFETIME_MS + DAY_MS);
  const outcome = await renewLate(context, renewalRequest(old, deviceKey()));
  assert.ok(outcome.type === 'enrolled', refusedAs(outcome));
  assert.deepEqual(outcome.enrolled.authorities, [rotated.certificate.raw, authority.certificate.raw]);
  source.set({ ...rotated, older: [], crosses: [] });
  assert.equal(refusedAs(await renewLate(context, renewalRequest(old, deviceKey()))), 'notOurs');
});

test('whatever bytes stand for the certificates, there is an answer, and nothing is written', async () => {
  const { context, devices, old, key } = await joined();
  const good = renewalRequest(old, deviceKey());
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(changes, fc.boolean(), async (pieces, isBeside) => {
      const changed = Buffer.from(old.certificate.raw);
      for (const [at, value] of pieces) changed[at % changed.length] = value;
      if (changed.equals(old.certificate.raw)) return;
      const certificates = isBeside ? [changed, old.certificate.raw] : [changed];
      const outcome = await renewLate(context, { ...good, certificates });
      assert.ok(['badRequest', 'notOurs', 'badProof'].includes(refusedAs(outcome)), refusedAs(outcome));
    }),
    { numRuns: 500 },
  );
  const entry = devices.entries.get('truck-1');
  assert.ok(entry?.type === 'device');
  assert.deepEqual([entry.record.key, entry.record.nextKey], [hashOf(key), undefined]);
});

/** An authority with the name of another one and a key of its own. */
async function namesake({ subject }: X509Certificate): Promise<Pick<Authority, 'certificate' | 'key'>> {
  const { certificatePem, keyPem } = await createAuthority(subject.replace('CN=', ''));
  return { certificate: new X509Certificate(certificatePem), key: createPrivateKey(keyPem) };
}
