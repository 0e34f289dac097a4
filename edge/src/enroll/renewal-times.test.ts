import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { createAuthority, issueNodeCertificate } from '../../../test/support/pki.ts';
import { renewalTimes } from './renewal-times.ts';

test('a fleet that joined in one minute renews from 70 to 90 % of the life, spread, each device at its own time', async () => {
  const authority = await createAuthority('ca');
  const parts: number[] = [];
  for (let device = 0; device < 60; device += 1) {
    const { certificatePem } = await issueNodeCertificate(authority, `truck-${device}`);
    const certificate = new X509Certificate(certificatePem);
    const { beginsMs, renewMs, endsMs } = renewalTimes(certificate);
    assert.equal(beginsMs, certificate.validFromDate.getTime());
    assert.equal(endsMs, certificate.validToDate.getTime());
    assert.equal(renewalTimes(new X509Certificate(certificatePem)).renewMs, renewMs, 'the same after a restart');
    parts.push((renewMs - beginsMs) / (endsMs - beginsMs));
  }
  assert.ok(
    parts.every((part) => part >= 0.7 && part < 0.9),
    String(parts),
  );
  // 60 even choices leave a quarter of the span empty once in 10 million runs.
  for (const quarter of [0.7, 0.75, 0.8, 0.85]) {
    assert.ok(
      parts.some((part) => part >= quarter && part < quarter + 0.05),
      `none from ${quarter} on`,
    );
  }
});

test('a link of the old certificate is made anew before that ends: first in a quiet moment, then in any', async () => {
  const { certificatePem } = await issueNodeCertificate(await createAuthority('ca'), 'truck-1');
  const { renewMs, redialMs, forcedRedialMs, endsMs } = renewalTimes(new X509Certificate(certificatePem));
  assert.ok(renewMs < redialMs && redialMs < forcedRedialMs && forcedRedialMs < endsMs);
});
