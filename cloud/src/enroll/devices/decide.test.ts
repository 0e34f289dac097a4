import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { DeviceVerdict } from '../types.ts';
import { type Decision, decideEnrol, decideLinked, decideRenewing, decideRevoke, decideUnrevoke } from './decide.ts';
import { type DeviceEntry, MAX_REVOKED_KEYS } from './record.ts';
import { days, device, hash, NODE, NOW, REVOCATION, STOLEN, UNREADABLE } from './testing/entries.ts';
import { judge } from './verdict.ts';

const GRACE_MS = 365 * 24 * 3_600_000;

interface Asked {
  key?: number;
  mayReplace?: boolean;
  hasNode?: boolean;
}

function enrol(entry: DeviceEntry | undefined, { key = 7, mayReplace = false, hasNode = false }: Asked = {}): Decision {
  const request = { nodeName: NODE, key: hash(key), validTo: days(90), mayReplace, remote: '192.0.2.1:40000' };
  return decideEnrol(entry, request, { hasNode, now: NOW, graceMs: GRACE_MS });
}

const renewing = (entry: DeviceEntry | undefined, key: number, nextKey: number, issuedAt?: Date) =>
  decideRenewing(entry, { nodeName: NODE, key: hash(key), issuedAt, nextKey: hash(nextKey), validTo: days(90), now: NOW });

const reasonOf = (decision: Decision) => (decision.type === 'refused' ? decision.reason : decision.type);
const replacedOf = (decision: Decision) => (decision.type === 'write' ? decision.replaces?.type : decision.type);
/** What the record is after it. */
function after(entry: DeviceEntry | undefined, decision: Decision): DeviceEntry | undefined {
  return decision.type === 'write' ? decision.entry : decision.type === 'remove' ? undefined : entry;
}
const said = (verdict: DeviceVerdict) => (verdict.type === 'admitted' ? verdict.as : verdict.why);
const verdict = (entry: DeviceEntry | undefined, key: number) => said(judge(NODE, entry, hash(key)));

describe('a device that joins', () => {
  test('gets a name that is free', () => {
    const decision = enrol(undefined);
    assert.deepEqual(decision, {
      type: 'write',
      entry: device({ key: hash(7), enrolledAt: NOW, validTo: days(90) }),
      replaces: undefined,
    });
  });

  test('does not get that of a Node without a record: it could be a control plane, and the relay would be it', () => {
    assert.equal(reasonOf(enrol(undefined, { hasNode: true })), 'nameHeld');
    assert.equal(replacedOf(enrol(undefined, { hasNode: true, mayReplace: true })), 'unrecorded');
  });

  test('again with its key is the same device, and no longer has what it threw away by joining', () => {
    for (const key of [1, 2]) {
      const decision = enrol(device({ nextKey: hash(2) }), { key });
      const expected = device({ key: hash(key), validTo: days(90) });
      assert.deepEqual(decision, { type: 'write', entry: expected, replaces: undefined });
    }
  });

  test('with another key gets no name of a living device without an administrator', () => {
    const decision = enrol(device());
    assert.ok(decision.type === 'refused' && decision.reason === 'nameHeld' && decision.message.includes('--replace'));
    const replacing = enrol(device({ nextKey: hash(2) }), { mayReplace: true });
    assert.equal(replacedOf(replacing), 'living');
    const now = after(device(), replacing);
    assert.deepEqual(
      [1, 2, 7].map((key) => verdict(now, key)),
      ['otherKey', 'otherKey', 'key'],
    );
  });

  test('gets that of one whose certificate ended longer ago than the grace, and of no other', () => {
    assert.equal(reasonOf(enrol(device({ validTo: days(-366) }))), 'write');
    assert.equal(reasonOf(enrol(device({ validTo: days(-365) }))), 'nameHeld');
  });

  test('does not get that of a revoked one without an administrator: its thief may hold a token as well', () => {
    for (const entry of [device({ revoked: STOLEN }), REVOCATION]) {
      assert.equal(reasonOf(enrol(entry)), 'revoked');
      assert.equal(replacedOf(enrol(entry, { mayReplace: true })), 'revoked');
    }
  });

  test('in the place of a revoked one lifts the revocation for its own key alone, whatever happens later', () => {
    const stolen = device({ nextKey: hash(2), revoked: STOLEN });
    let now = after(stolen, enrol(stolen, { mayReplace: true }));
    for (const key of [1, 2]) {
      assert.equal(reasonOf(enrol(stolen, { key, mayReplace: true })), 'revoked');
      assert.equal(reasonOf(enrol(now, { key, mayReplace: true })), 'revoked');
      assert.equal(verdict(now, key), 'revoked');
      assert.equal(reasonOf(renewing(now, 7, key)), 'revoked');
    }
    assert.equal(verdict(now, 7), 'key');
    now = after(now, enrol(now, { key: 8, mayReplace: true }));
    assert.deepEqual(
      [1, 7, 8].map((key) => verdict(now, key)),
      ['revoked', 'otherKey', 'key'],
    );
  });

  test('does not get that of a record that cannot be read, with whatever token', () => {
    for (const mayReplace of [false, true]) assert.equal(reasonOf(enrol(UNREADABLE, { mayReplace })), 'nameHeld');
  });

  test('is kept out by so many revoked keys of its name, and the oldest are forgotten', () => {
    let entry: DeviceEntry | undefined = device({ key: hash(10), revoked: STOLEN });
    for (let key = 11; key < 11 + MAX_REVOKED_KEYS + 1; key += 1) {
      entry = after(entry, enrol(entry, { key, mayReplace: true }));
      entry = after(entry, decideRevoke(entry, NODE, 'again', NOW));
    }
    assert.ok(entry?.type === 'device');
    assert.equal(entry.revokedKeys.length, MAX_REVOKED_KEYS);
    assert.deepEqual(entry.revokedKeys.at(-1), hash(10 + MAX_REVOKED_KEYS));
    assert.equal(entry.revokedKeys.includes(hash(10)), false);
  });
});

describe('a renewal', () => {
  test('lets the next key in beside the one there is, and the first link with it promotes it', () => {
    const renewed = after(device(), renewing(device(), 1, 2));
    assert.deepEqual(
      [1, 2].map((key) => verdict(renewed, key)),
      ['key', 'nextKey'],
    );
    const linked = after(renewed, decideLinked(renewed, hash(2)));
    assert.deepEqual(
      [1, 2].map((key) => verdict(linked, key)),
      ['otherKey', 'key'],
    );
    assert.equal(decideLinked(linked, hash(2)).type, 'unchanged');
    assert.equal(decideLinked(renewed, hash(1)).type, 'unchanged');
  });

  test('of which the answer was lost is made again with another key', () => {
    const again = after(undefined, renewing(device({ nextKey: hash(2) }), 1, 3));
    assert.deepEqual(
      [1, 2, 3].map((key) => verdict(again, key)),
      ['key', 'otherKey', 'nextKey'],
    );
  });

  test('by a key that was certified and never linked promotes it: its device was off meanwhile', () => {
    const again = after(undefined, renewing(device({ nextKey: hash(2) }), 2, 3));
    assert.deepEqual(
      [1, 2, 3].map((key) => verdict(again, key)),
      ['otherKey', 'key', 'nextKey'],
    );
  });

  test('of a device without a record gives it one', () => {
    assert.deepEqual(
      after(undefined, renewing(undefined, 1, 2)),
      device({ nextKey: hash(2), enrolledAt: NOW, validTo: days(90) }),
    );
  });

  test('never makes a record end sooner than a certificate that was issued', () => {
    const entry = after(undefined, renewing(device({ validTo: days(400) }), 1, 2));
    assert.ok(entry?.type === 'device');
    assert.deepEqual(entry.record.validTo, days(400));
  });

  test('is refused to what is revoked, replaced or unreadable', () => {
    assert.equal(reasonOf(renewing(device({ revoked: STOLEN }), 1, 2)), 'revoked');
    assert.equal(reasonOf(renewing(REVOCATION, 1, 2)), 'revoked');
    assert.equal(reasonOf(renewing(device(), 5, 2)), 'otherKey');
    assert.equal(reasonOf(renewing(UNREADABLE, 1, 2)), 'notNow');
  });
});

describe('a revocation', () => {
  test('that comes before the link with a next key was written keeps both out for good', () => {
    const entry = device({ nextKey: hash(2), revoked: STOLEN });
    assert.equal(decideLinked(entry, hash(2)).type, 'unchanged');
    const replaced = after(entry, enrol(entry, { mayReplace: true }));
    for (const key of [1, 2]) assert.equal(verdict(replaced, key), 'revoked');
  });

  test('keeps every key of the node out, and is undone', () => {
    for (const entry of [device({ nextKey: hash(2) }), undefined]) {
      const revoked = after(entry, decideRevoke(entry, NODE, 'stolen', NOW));
      for (const key of [1, 2, 3]) assert.equal(verdict(revoked, key), 'revoked');
      assert.deepEqual(after(revoked, decideUnrevoke(revoked, NODE)), entry);
    }
  });

  test('that is made again stays the first, and one that is not there is not undone', () => {
    for (const entry of [device({ revoked: STOLEN }), REVOCATION]) {
      assert.equal(decideRevoke(entry, NODE, 'lost', NOW).type, 'unchanged');
    }
    assert.equal(decideUnrevoke(device(), NODE).type, 'unchanged');
    assert.equal(decideUnrevoke(undefined, NODE).type, 'unchanged');
  });

  test('takes the place of a record that cannot be read, which is not undone to anything', () => {
    assert.equal(verdict(UNREADABLE, 1), 'unreadable');
    assert.equal(verdict(after(UNREADABLE, decideRevoke(UNREADABLE, NODE, '', NOW)), 1), 'revoked');
    assert.equal(decideUnrevoke(UNREADABLE, NODE).type, 'refused');
  });
});

describe('a device whose record comes from a backup of before its last renewal', () => {
  const HOUR_MS = 3_600_000;
  const after2h = new Date(NOW.getTime() + 2 * HOUR_MS);
  const judged = (entry: DeviceEntry | undefined, key: number, issuedAt: Date) => said(judge(NODE, entry, hash(key), issuedAt));

  test('is let in by a certificate that begins after all that the record knows of, links, and is renewed', () => {
    const old = device({ nextKey: hash(2) });
    assert.equal(judged(old, 5, after2h), 'newer');
    assert.equal(verdict(after(old, renewing(old, 5, 6, after2h)), 6), 'nextKey');
    const linked = after(old, decideLinked(old, hash(5), after2h));
    assert.deepEqual(
      [1, 2, 5].map((key) => verdict(linked, key)),
      ['otherKey', 'otherKey', 'key'],
      'whom it had replaced before is out again',
    );
    assert.ok(linked?.type === 'device');
    assert.deepEqual(linked.issuedAt, after2h);
  });

  test('is not let in by one of the time of the record, which was replaced, nor where nothing is known of that time', () => {
    assert.equal(judged(device(), 5, new Date(NOW.getTime() + HOUR_MS)), 'otherKey');
    assert.equal(judged({ ...device(), issuedAt: undefined }, 5, days(1000)), 'otherKey');
    assert.equal(decideLinked(device(), hash(5), days(-1)).type, 'unchanged');
    assert.equal(reasonOf(renewing(device(), 5, 6, days(-1))), 'otherKey');
  });

  test('is not let in when it is revoked, or was and has been replaced', () => {
    assert.equal(judged(device({ revoked: STOLEN }), 5, days(1)), 'revoked');
    assert.equal(judged(REVOCATION, 5, days(1)), 'revoked');
    assert.equal(judged(device({}, [hash(5)]), 5, days(1)), 'revoked');
    assert.equal(decideLinked(device({}, [hash(5)]), hash(5), days(1)).type, 'unchanged');
    assert.equal(reasonOf(renewing(device({ revoked: STOLEN }), 5, 6, days(1))), 'revoked');
  });

  test('cannot be mistaken for one that another replica renewed whose clock is ahead', () => {
    const ahead = days(2);
    const renewed = after(
      undefined,
      decideRenewing(device(), {
        nodeName: NODE,
        key: hash(1),
        issuedAt: days(-30),
        nextKey: hash(2),
        validTo: days(90),
        now: ahead,
      }),
    );
    const replaced = after(renewed, enrol(renewed, { mayReplace: true }));
    assert.equal(judged(replaced, 2, ahead), 'otherKey');
  });
});

test('whatever is asked in whatever order: a key that was revoked gets in by nothing but the end of that revocation', () => {
  const small = fc.integer({ min: 1, max: 4 });
  const step = fc.oneof(
    fc.record({ type: fc.constant('enrol' as const), key: small, mayReplace: fc.boolean(), hasNode: fc.boolean() }),
    fc.record({ type: fc.constant('renew' as const), key: small, nextKey: small }),
    fc.record({ type: fc.constant('linked' as const), key: small }),
    fc.record({ type: fc.constant('revoke' as const) }),
    fc.record({ type: fc.constant('unrevoke' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let entry: DeviceEntry | undefined;
      let banned = new Set<number>();
      for (const one of steps) {
        const before = entry;
        switch (one.type) {
          case 'enrol':
            entry = after(entry, enrol(entry, one));
            break;
          case 'renew':
            // What the relay does: a link that is not admitted renews nothing.
            if (judge(NODE, entry, hash(one.key)).type === 'admitted')
              entry = after(entry, renewing(entry, one.key, one.nextKey));
            break;
          case 'linked':
            entry = after(entry, decideLinked(entry, hash(one.key)));
            break;
          case 'revoke': {
            if (entry?.type === 'device' && entry.record.revoked === undefined) {
              const { key, nextKey } = entry.record;
              for (const known of [1, 2, 3, 4]) if (hash(known) === key || hash(known) === nextKey) banned.add(known);
            }
            entry = after(entry, decideRevoke(entry, NODE, '', NOW));
            break;
          }
          case 'unrevoke': {
            entry = after(entry, decideUnrevoke(entry, NODE));
            if (before !== entry) {
              const own = entry?.type === 'device' ? entry.record : undefined;
              banned = new Set(
                [...banned].filter((known) => own !== undefined && hash(known) !== own.key && hash(known) !== own.nextKey),
              );
            }
            break;
          }
        }
        for (const known of banned) assert.equal(verdict(entry, known), 'revoked', `${JSON.stringify(one)} let ${known} in`);
      }
    }),
    { numRuns: 500 },
  );
});
