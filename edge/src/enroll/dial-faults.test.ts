import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DialFaults, type FailedDial } from './dial-faults.ts';

const DIAL: FailedDial = { kind: 'cutOff', which: 'current', hasEnded: false, isUnwanted: false };

test('a relay that cuts off again and again is asked in words, and doubts a next certificate before that', () => {
  const [current, next] = [new DialFaults(), new DialFaults()];
  assert.deepEqual(
    Array.from({ length: 4 }, () => current.failed(DIAL)),
    ['other', 'other', 'other', 'ended'],
  );
  assert.deepEqual(
    Array.from({ length: 4 }, () => next.failed({ ...DIAL, which: 'next' })),
    ['other', 'refused', 'refused', 'ended'],
  );
});

test('dials that were cut off count in a row: another failure or a link begins anew', () => {
  for (const between of [
    (faults: DialFaults) => faults.opened(),
    (faults: DialFaults) => assert.equal(faults.failed({ ...DIAL, kind: 'unreachable' }), 'other'),
  ]) {
    const faults = new DialFaults();
    for (let n = 0; n < 3; n += 1) assert.equal(faults.failed(DIAL), 'other');
    between(faults);
    for (let n = 0; n < 3; n += 1) assert.equal(faults.failed(DIAL), 'other');
  }
});

test('a certificate that has ended makes of a cut or a refusal by TLS what it is', () => {
  for (const kind of ['cutOff', 'ownCertificate'] as const) {
    assert.equal(new DialFaults().failed({ ...DIAL, kind, hasEnded: true }), 'ended');
  }
  assert.equal(new DialFaults().failed({ ...DIAL, kind: 'ownCertificate' }), 'refused');
  assert.equal(new DialFaults().failed({ ...DIAL, kind: 'ownCertificateEnded' }), 'ended');
});

test('what a relay says in words is a refusal, and a network that fails is none', () => {
  assert.equal(new DialFaults().failed({ ...DIAL, kind: 'forbidden' }), 'refused');
  assert.equal(new DialFaults().failed({ ...DIAL, kind: 'ended', isUnwanted: true }), 'refused');
  for (const kind of ['dns', 'refused', 'timeout', 'proxy', 'busy', 'silent', 'ended', 'relayCertificate'] as const) {
    assert.equal(new DialFaults().failed({ ...DIAL, kind }), 'other', kind);
  }
});
