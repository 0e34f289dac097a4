import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '@hawser/protocol';
import fc from 'fast-check';
import { renewalDelay, retryDelay } from './token-renewal.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const SECOND = 1_000;
const DAY = 24 * 3_600 * SECOND;

/** A TokenRequest as it is answered. */
function answer(lifeSeconds: number, ageSeconds = 0): JsonObject {
  const expiresAt = NOW + (lifeSeconds - ageSeconds) * SECOND;
  return { spec: { expirationSeconds: lifeSeconds }, status: { expirationTimestamp: new Date(expiresAt).toISOString() } };
}

const first = () => 0;

describe('a token is asked for anew', () => {
  it('at four fifths of its life', () => {
    assert.equal(renewalDelay(answer(3600), NOW, first), 2_880 * SECOND);
    assert.equal(renewalDelay(answer(3600, 1_000), NOW, first), 1_880 * SECOND);
  });

  it('after a day, however long it lives', () => assert.equal(renewalDelay(answer(30 * 86_400), NOW, first), DAY));

  it('after a minute or more where that time has passed: the cloud could not be asked', () => {
    assert.equal(renewalDelay(answer(3600, 3_000), NOW, first), 60 * SECOND);
    assert.equal(renewalDelay(answer(3600, 30 * 86_400), NOW, first), 60 * SECOND);
    assert.equal(renewalDelay({}, NOW, first), 60 * SECOND, 'nor without end where the answer says nothing');
  });

  it('never later than a new one would be, on whatever clock, and spread over a twentieth of its life', () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(
        fc.integer({ min: 600, max: 100 * 86_400 }),
        fc.integer({ min: -1e9, max: 1e9 }),
        random,
        (life, age, chance) => {
          const delay = renewalDelay(answer(life, age), NOW, () => chance);
          assert.ok(delay >= 60 * SECOND);
          assert.ok(delay <= Math.max(Math.min(life * 0.8 * SECOND, DAY) + Math.min(life * 50, 600 * SECOND), 90 * SECOND));
        },
      ),
    );
    const spread = renewalDelay(answer(3600), NOW, () => 0.999) - renewalDelay(answer(3600), NOW, first);
    assert.ok(spread > 170 * SECOND && spread < 180 * SECOND);
  });
});

it('a volume that could not be mounted is tried again as a kubelet does, from half a second to two minutes', () => {
  const middle = () => 0.5;
  assert.deepEqual(
    [0, 1, 2, 7, 8, 100].map((failures) => retryDelay(failures, middle)),
    [500, 1_000, 2_000, 64_000, 122_000, 122_000],
  );
  assert.deepEqual([retryDelay(0, () => 0), retryDelay(0, () => 0.998)], [375, 624.5]);
});
