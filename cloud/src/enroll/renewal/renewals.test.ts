import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { before, describe, test } from 'node:test';
import {
  authoritiesDigest,
  checkChain,
  HawserError,
  keyHash,
  type RenewalOutcome,
  renewalProof,
  signProof,
} from '@hawser/protocol';
import { pino } from 'pino';
import { ManualClock } from '../../downstream/testing/manual-clock.ts';
import { type Authority, retired } from '../authority/authority.ts';
import { makeAuthority } from '../authority/certificates.ts';
import { createIssuer } from '../authority/issuer.ts';
import { rotate, TestSource } from '../authority/testing.ts';
import type { DeviceVerdict, Issuer, RecordOutcome } from '../types.ts';
import { announcedBy } from './announced.ts';
import { createRenewals, noRenewals } from './renewals.ts';

const HOUR_MS = 3_600_000;
const NODE = 'truck-1';

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spki = (key: KeyObject) => key.export({ type: 'spki', format: 'der' });

let authority: Authority;
const clock = new ManualClock();
before(async () => {
  authority = await makeAuthority(clock.now());
});

interface Faults {
  verdict?: () => DeviceVerdict;
  renewing?: () => Promise<RecordOutcome>;
  issue?: Issuer['issue'];
  hasAuthority?: boolean;
}

/** A device with a link whose certificate our authority has issued, and records that say what a test wants. */
async function scene({ verdict, renewing, issue, hasAuthority = true }: Faults = {}) {
  const source = new TestSource();
  source.set(authority);
  const issuer = createIssuer({ source, clock, lifetimeMs: HOUR_MS });
  const [certificate] = await issuer.issue(NODE, newKey().publicKey);
  const happened: string[] = [];
  const lines: string[] = [];
  const renew = createRenewals({
    issuer: {
      ...issuer,
      trusted: () => (hasAuthority ? issuer.trusted() : []),
      issue(nodeName, key) {
        happened.push('issue');
        return (issue ?? issuer.issue)(nodeName, key);
      },
    },
    devices: {
      verdict: verdict ?? (() => ({ type: 'admitted', as: 'key' })),
      async renewing(nodeName, key, nextKey, validTo) {
        happened.push(`${nodeName} ${key === keyHash(certificate.publicKey)} ${nextKey} ${validTo.toISOString()}`);
        return renewing === undefined ? { type: 'written' } : renewing();
      },
    },
    certificateMs: HOUR_MS,
    clock,
    logger: pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) }),
    onOutcome: (outcome) => happened.push(outcome),
    onBound: (bound) => happened.push(`bound ${bound}`),
  });
  const ask = (next = newKey(), proof = signProof(renewalProof(certificate), next.privateKey)) =>
    renew({ nodeName: NODE, certificate }, spki(next.publicKey), proof);
  return { certificate, happened, lines, renew, ask, source };
}

const saidBy = (outcome: RenewalOutcome) => (outcome.type === 'refused' ? `${outcome.code} ${outcome.message}` : outcome.type);

test('a new key is written to the record and then certified, for the node of the link alone', async () => {
  const { ask, happened } = await scene();
  const next = newKey();
  const outcome = await ask(next);
  assert.ok(outcome.type === 'issued');
  const [leaf] = outcome.certificates.map((der) => new X509Certificate(der));
  assert.ok(leaf);
  assert.equal(leaf.subject, `O=system:nodes\nCN=system:node:${NODE}`);
  assert.ok(leaf.publicKey.equals(next.publicKey));
  const verdict = checkChain({ leaf, intermediates: [], roots: [authority.certificate], usage: 'client', at: clock.now() });
  assert.equal(verdict.type, 'trusted');
  const validTo = new Date(clock.now().getTime() + HOUR_MS).toISOString();
  assert.deepEqual(happened, [`${NODE} true ${keyHash(next.publicKey)} ${validTo}`, 'issue', 'issued']);
});

describe('nothing is written or signed for', () => {
  test('a link whose certificate is of an authority that was retired since it was opened', async () => {
    const { ask, happened, source } = await scene();
    const rotated = await rotate(authority, clock.now());
    source.set(rotated);
    assert.equal((await ask()).type, 'issued', 'the older one is trusted until it is retired');
    happened.length = 0;
    source.set(retired(rotated));
    assert.match(saidBy(await ask()), /^403 .*retired.*join again/);
    assert.deepEqual(happened, ['refused']);
    source.set(rotated);
    assert.equal((await ask()).type, 'issued', 'and that was taken back');
  });

  test('a key that is not of P-256, or none', async () => {
    const { ask, renew, certificate, happened } = await scene();
    const rsa = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    assert.match(saidBy(await ask(rsa)), /^400 .*P-256/);
    assert.match(saidBy(await renew({ nodeName: NODE, certificate }, Buffer.from('key'), Buffer.from('proof'))), /^400/);
    assert.deepEqual(happened, ['refused', 'refused']);
  });

  test('a proof by another key, over another certificate, or none', async () => {
    const { ask, happened } = await scene();
    const other = (await scene()).certificate;
    const next = newKey();
    for (const proof of [
      signProof(renewalProof(other), next.privateKey),
      signProof(Buffer.from('something'), next.privateKey),
      Buffer.from('proof'),
    ]) {
      assert.match(saidBy(await ask(next, proof)), /^403 .*proof/);
    }
    const { certificate } = await scene();
    assert.match(saidBy(await ask(newKey(), signProof(renewalProof(certificate), next.privateKey))), /^403/);
    assert.deepEqual(new Set(happened), new Set(['refused']));
  });

  test('a device that is not let in any more, and that is for good', async () => {
    const { ask, happened } = await scene({ verdict: () => ({ type: 'refused', why: 'revoked', text: 'stolen' }) });
    assert.equal(saidBy(await ask()), '403 stolen');
    assert.deepEqual(happened, ['refused']);
  });

  test('a device of which nothing is known now, and that is not for good', async () => {
    for (const why of ['notSynced', 'unreadable'] as const) {
      const { ask, happened } = await scene({ verdict: () => ({ type: 'refused', why, text: '' }) });
      assert.equal(saidBy(await ask()), 'unavailable');
      assert.deepEqual(happened, ['unavailable']);
    }
  });

  test('anybody before there is an authority', async () => {
    const { ask, happened } = await scene({ hasAuthority: false });
    assert.equal(saidBy(await ask()), 'unavailable');
    assert.deepEqual(happened, ['unavailable']);
  });
});

test('what the record refuses is not signed: revoked for good, anything else later', async () => {
  for (const [reason, said] of [
    ['revoked', '403 no'],
    ['otherKey', '403 no'],
    ['notNow', 'unavailable'],
  ] as const) {
    const { ask, happened } = await scene({ renewing: async () => ({ type: 'refused', reason, message: 'no' }) });
    assert.equal(saidBy(await ask()), said);
    assert.equal(happened.includes('issue'), false);
  }
});

test('a device that is revoked while its certificate is signed does not get it', async () => {
  let isRevoked = false;
  const { ask } = await scene({
    verdict: () => (isRevoked ? { type: 'refused', why: 'revoked', text: 'stolen' } : { type: 'admitted', as: 'key' }),
    renewing: async () => {
      isRevoked = true;
      return { type: 'written' };
    },
  });
  assert.equal(saidBy(await ask()), '403 stolen');
});

test('an API server or an authority that is away, and a fault of ours, are answers for now', async () => {
  const away = () => Promise.reject(new HawserError('unreachable', 'the API server is away'));
  for (const faults of [{ renewing: away }, { issue: away }, { issue: () => Promise.reject(new Error('a fault')) }]) {
    const { ask } = await scene(faults);
    const outcome = await ask();
    assert.ok(outcome.type === 'unavailable' && outcome.retryAfterMs > 0);
    assert.equal(outcome.message.includes('a fault'), false);
  }
});

test('one device is renewed six times a minute at most, others go on', async () => {
  const { ask, renew, certificate, happened, lines } = await scene();
  for (let n = 0; n < 6; n += 1) assert.equal((await ask()).type, 'issued');
  const over = await ask();
  assert.ok(over.type === 'unavailable' && over.retryAfterMs > 0 && over.retryAfterMs <= 60_000);
  for (let n = 0; n < 100; n += 1) await ask();
  assert.equal(happened.filter((what) => what === 'bound renewals').length, 101);
  assert.equal(lines.length, 10, 'a device that asks without end fills the log');
  const next = newKey();
  const proof = signProof(renewalProof(certificate), next.privateKey);
  assert.equal((await renew({ nodeName: 'truck-2', certificate }, spki(next.publicKey), proof)).type, 'issued');
  clock.advance(60_000);
  assert.equal((await ask()).type, 'issued');
});

test('sixteen renewals are under way at a time, and the others wait their turn', async () => {
  let running = 0;
  let most = 0;
  const answers: (() => void)[] = [];
  const { renew, certificate } = await scene({
    renewing: () =>
      new Promise((resolve) => {
        running += 1;
        most = Math.max(most, running);
        answers.push(() => {
          running -= 1;
          resolve({ type: 'written' });
        });
      }),
  });
  const next = newKey();
  const proof = signProof(renewalProof(certificate), next.privateKey);
  const asked = Array.from({ length: 40 }, (_, n) => renew({ nodeName: `truck-${n}`, certificate }, spki(next.publicKey), proof));
  const all = Promise.all(asked);
  let isOver = false;
  void all.then(() => {
    isOver = true;
  });
  while (!isOver) {
    answers.shift()?.();
    await new Promise(setImmediate);
  }
  assert.equal(most, 16);
  assert.ok((await all).every(({ type }) => type === 'issued'));
});

test('a relay that issues nothing says so, and when to ask again', async () => {
  const outcomes: string[] = [];
  const outcome = await noRenewals((type) => outcomes.push(type))(
    { nodeName: NODE, certificate: authority.certificate },
    Buffer.alloc(1),
    Buffer.alloc(1),
  );
  assert.deepEqual(outcome, { type: 'unavailable', retryAfterMs: HOUR_MS, message: 'this relay issues no certificates' });
  assert.deepEqual(outcomes, ['unavailable']);
});

test('authorities are announced as the issuer has them, and anew after a change', async () => {
  const source = new TestSource();
  const announced = announcedBy(createIssuer({ source, clock, lifetimeMs: HOUR_MS }));
  const seen: (string | undefined)[] = [];
  announced.onChange(() => seen.push(announced.current()?.digest));
  assert.equal(announced.current(), undefined);
  source.set(authority);
  const next = await rotate(authority, clock.now());
  source.set(next);
  assert.deepEqual(seen, [
    authoritiesDigest([authority.certificate]),
    authoritiesDigest([next.certificate, authority.certificate]),
  ]);
  assert.deepEqual(
    announced.current()?.certificates.map((der) => Buffer.from(der)),
    [next.certificate.raw, authority.certificate.raw],
  );
});
