import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../../apiserver/testing/fake-clock.ts';
import { makeAuthority, makeKeyPair } from './certificates.ts';
import { createIssuer } from './issuer.ts';
import { namesOf, rotate, TestSource } from './testing.ts';

const LIFETIME_MS = 90 * 86_400_000;

test('nothing is signed before there is an authority, and what is waited for is told', async () => {
  const issuer = createIssuer({ source: new TestSource(), clock: createFakeClock(), lifetimeMs: LIFETIME_MS });
  assert.deepEqual(issuer.trusted(), []);
  const { publicKey } = await makeKeyPair();
  await assert.rejects(issuer.issue('truck-1', publicKey), { code: 'unreachable', message: /waiting for the test/ });
});

test('devices are signed by the authority that there is, and told of when what they should trust changes', async () => {
  const clock = createFakeClock();
  const source = new TestSource();
  const issuer = createIssuer({ source, clock, lifetimeMs: LIFETIME_MS });
  const heard: string[][] = [];
  const end = issuer.onChange(() => heard.push(namesOf(issuer.trusted())));
  const { publicKey } = await makeKeyPair();

  const first = await makeAuthority(clock.now());
  source.set(first);
  const [before] = await issuer.issue('truck-1', publicKey);
  assert.equal(before.subject, 'O=system:nodes\nCN=system:node:truck-1');
  assert.equal(before.validToDate.getTime(), clock.now().getTime() + LIFETIME_MS);
  assert.ok(before.verify(first.certificate.publicKey));

  source.set(first);
  const second = await rotate(first, clock.now());
  source.set(second);
  const [after] = await issuer.issue('truck-1', publicKey);
  assert.ok(after.verify(second.certificate.publicKey));
  const [firstName, secondName] = [first, second].map(({ certificate }) => certificate.subject);
  assert.deepEqual(heard, [[firstName], [secondName, firstName]]);
  end();
  source.set(first);
  assert.equal(heard.length, 2);
});
