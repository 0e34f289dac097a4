import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { checkChain } from '@hawser/protocol';
import { pino } from 'pino';
import { createFakeClock } from '../../apiserver/testing/fake-clock.ts';
import { until } from '../../apiserver/testing/until.ts';
import type { Authority } from '../authority/authority.ts';
import { AUTHORITY_LIFETIME_MS, makeAuthority } from '../authority/certificates.ts';
import { readCertificates } from '../authority/pem.ts';
import { rotate, TestSource } from '../authority/testing.ts';
import { createIssuedServing, SERVING_LIFETIME_MS } from './issued-serving.ts';
import { defaultNames } from './names.ts';

const HOUR_MS = 3600_000;
const DAY_MS = 24 * HOUR_MS;

function scene(t: TestContext) {
  const clock = createFakeClock();
  const source = new TestSource();
  const serving = createIssuedServing({ source, names: ['relay.example', '::1'], clock, logger: pino({ level: 'silent' }) });
  t.after(() => serving.stop());
  let issued = 0;
  serving.onChange(() => {
    issued += 1;
  });
  const current = () => {
    const material = serving.current();
    assert.ok(material !== undefined);
    const [leaf, ...behind] = readCertificates(material.cert, 'cert');
    assert.ok(leaf !== undefined);
    return { material, leaf, behind };
  };
  return {
    clock,
    source,
    serving,
    current,
    count: () => issued,
    /** Waits for that many certificates altogether. */
    issued: (count: number) => until(`certificate ${count}`, () => issued === count && clock.waits.length === 1),
    /** Lets so many hours pass, one look at the clock after the other. */
    async hours(count: number) {
      for (let hour = 0; hour < count; hour += 1) {
        await until('a timer', () => clock.waits.length === 1);
        clock.advance(HOUR_MS);
      }
      await until('a timer', () => clock.waits.length === 1);
    },
    isTrustedBy(root: Authority, at: Date | 'anyTime' = clock.now()) {
      const { leaf, behind } = current();
      const host = 'relay.example';
      return checkChain({ leaf, intermediates: behind, roots: [root.certificate], usage: 'server', at, host }).type === 'trusted';
    },
  };
}

test('there is nothing to serve with before there is an authority, and then a certificate for all names', async (t) => {
  const { source, serving, clock, issued, current, isTrustedBy } = scene(t);
  serving.start();
  assert.equal(serving.current(), undefined);
  const authority = await makeAuthority(clock.now());
  source.set(authority);
  await issued(1);
  const { material, leaf } = current();
  assert.ok(isTrustedBy(authority));
  assert.equal(leaf.checkIP('::1'), '::1');
  assert.ok(leaf.checkPrivateKey(createPrivateKey(material.key)));
  assert.equal(material.validTo.getTime(), clock.now().getTime() + SERVING_LIFETIME_MS);
  assert.equal(new X509Certificate(material.clientCa).fingerprint256, authority.certificate.fingerprint256);
});

test('it is renewed when two thirds of its life are over, with a new key, and not before', async (t) => {
  const { source, serving, clock, issued, current, hours, count } = scene(t);
  source.set(await makeAuthority(clock.now()));
  serving.start();
  await issued(1);
  const { leaf } = current();
  await hours(20 * 24 - 1);
  assert.equal(count(), 1);
  await hours(1);
  await issued(2);
  assert.equal(current().leaf.validToDate.getTime(), leaf.validToDate.getTime() + 20 * DAY_MS);
  assert.equal(current().leaf.publicKey.equals(leaf.publicKey), false);
});

test('after a rotation the new authority signs, and who knows only an older one still verifies it', async (t) => {
  const { source, serving, clock, issued, isTrustedBy, current } = scene(t);
  const first = await makeAuthority(clock.now());
  source.set(first);
  serving.start();
  await issued(1);
  const second = await rotate(first, clock.now());
  source.set(second);
  await issued(2);
  const third = await rotate(second, clock.now());
  source.set(third);
  await issued(3);
  for (const root of [first, second, third]) assert.ok(isTrustedBy(root));
  assert.equal(readCertificates(current().material.clientCa, 'ca').length, 3);
});

test('a clock that is set back or forwards by years leads to a certificate that is valid then', async (t) => {
  const { source, serving, clock, issued, hours, isTrustedBy, count } = scene(t);
  const authority = await makeAuthority(clock.now());
  source.set(authority);
  serving.start();
  await issued(1);
  // No time passes for timers while the clock of the wall is set.
  clock.set(clock.now().getTime() + 3 * 365 * DAY_MS);
  await hours(1);
  await issued(2);
  assert.ok(isTrustedBy(authority));
  clock.set(clock.now().getTime() - 2 * 365 * DAY_MS);
  await hours(1);
  await issued(3);
  assert.ok(isTrustedBy(authority));
  await hours(24);
  assert.equal(count(), 3);
});

test('near the end of its authority a certificate ends with it, and is not made anew again and again', async (t) => {
  const { source, serving, clock, issued, hours, current, count } = scene(t);
  const authority = await makeAuthority(new Date(clock.now().getTime() - AUTHORITY_LIFETIME_MS + 2 * HOUR_MS));
  source.set(authority);
  serving.start();
  await issued(1);
  assert.equal(current().leaf.validTo, authority.certificate.validTo);
  await hours(4);
  assert.equal(count(), 1);
});

test('an authority that has ended leaves in use what there was, until there is another', async (t) => {
  const { source, serving, clock, issued, current } = scene(t);
  const first = await makeAuthority(clock.now());
  source.set(first);
  serving.start();
  await issued(1);
  const { leaf } = current();
  source.set(await makeAuthority(new Date(clock.now().getTime() - 2 * AUTHORITY_LIFETIME_MS)));
  await until('the failure', () => clock.waits.includes(60_000));
  assert.equal(current().leaf.fingerprint256, leaf.fingerprint256);
  source.set(await rotate(first, clock.now()));
  await issued(2);
});

test('without a setting a relay is called as its host, from itself, and as a pod by its address', () => {
  const names = ['host-1', 'localhost', '127.0.0.1', '::1'];
  assert.deepEqual(defaultNames({ hostname: 'host-1', podIp: '10.0.0.7' }), [...names, '10.0.0.7']);
  assert.deepEqual(defaultNames({ hostname: 'localhost', podIp: undefined }), names.slice(1));
});
