import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { CloudAnswer } from '../upstream/index.ts';
import { stateOf, verdictOf } from './rules.ts';
import { CREATED, KEY, tokenAnswer } from './testing.ts';
import { readAnswer } from './token-answer.ts';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const YEAR = 365 * 24 * HOUR;

/** A kubelet's usual one: 3,607 s to its renewal, a year to its end. */
const usual = readAnswer(tokenAnswer(CREATED, 3607, YEAR / SECOND), 3607, CREATED);

describe('a kept token', () => {
  const times: [string, number, string][] = [
    ['as it came', 0, 'fresh'],
    ['just above a fifth of its life', 0.8 * 3607 * SECOND - 1, 'fresh'],
    ['with a fifth of its life', 0.8 * 3607 * SECOND, 'due'],
    ['after the time that the cloud named', 2 * HOUR, 'due'],
    ['a week later', 7 * 24 * HOUR, 'due'],
    ['a moment before its exp', YEAR - 1, 'due'],
    ['at its exp', YEAR, 'expired'],
    ['on a clock set to long ago', -CREATED, 'due'],
    ['on a clock set back a little', -1, 'due'],
  ];
  for (const [when, age, expected] of times) {
    it(`${when} is ${expected}`, () => assert.equal(stateOf(usual, CREATED + age), expected));
  }

  it('that lives as long as was asked for ends with its life', () => {
    const short = readAnswer(tokenAnswer(CREATED, 600, 600), 600, CREATED);
    assert.deepEqual(
      [479, 480, 599, 600].map((seconds) => stateOf(short, CREATED + seconds * SECOND)),
      ['fresh', 'due', 'due', 'expired'],
    );
  });

  it('of which the API server granted less than was asked for is judged by what was granted', () => {
    const granted = readAnswer(tokenAnswer(CREATED, 1000, 1000), 9000, CREATED);
    assert.equal(granted.issuedAt, CREATED);
    assert.equal(stateOf(granted, CREATED + 799 * SECOND), 'fresh');
    assert.equal(stateOf(granted, CREATED + 801 * SECOND), 'due');
  });

  it('is renewed in time on a clock that is always behind, by the time since it came', () => {
    const behind = 2 * HOUR;
    const kept = { ...usual, keptAt: CREATED - behind };
    assert.equal(stateOf(kept, CREATED - behind + 0.7 * HOUR), 'fresh');
    assert.equal(stateOf(kept, CREATED - behind + 0.9 * HOUR), 'due');
  });

  it('is never fresh once a fifth of its life is left by a clock that is right, however the clock was when it came', () => {
    fc.assert(
      fc.property(fc.integer({ min: -YEAR, max: YEAR }), fc.integer({ min: 0, max: 2 * HOUR }), (offBy, age) => {
        const state = stateOf({ ...usual, keptAt: CREATED + offBy }, CREATED + age);
        if (age >= 0.8 * 3607 * SECOND) assert.notEqual(state, 'fresh');
        assert.notEqual(state, 'expired');
      }),
    );
  });

  it('that is none asks the cloud', () => assert.equal(stateOf(undefined, CREATED), 'none'));
});

describe('an answer of the cloud', () => {
  const status = (type: 'notFound' | 'forbidden' | 'refused', code: number, message: string): CloudAnswer => ({
    type,
    code,
    reason: 'Whatever',
    message,
  });
  const uidOther =
    'the UID in the bound object reference (uid-web) does not match the UID in record. The object might have been deleted and then recreated';
  const noRelation =
    'serviceaccounts "clerk" is forbidden: User "system:node:edge-1" cannot create resource "serviceaccounts/token" in API group "" ' +
    `in the namespace "shop": no relationship found between node 'edge-1' and this object`;
  const answers: [boolean, string, CloudAnswer][] = [
    [true, 'the pod is not found', status('notFound', 404, 'pod "web" not found')],
    [true, 'the pod is not found by the registry', status('notFound', 404, 'pods "web" not found')],
    [true, 'the account is not found', status('notFound', 404, 'serviceaccounts "clerk" not found')],
    [true, 'another pod has the name', status('forbidden', 403, `serviceaccounts "clerk" is forbidden: ${uidOther}`)],
    [true, 'the same behind NodeRestriction', status('refused', 409, `Operation cannot be fulfilled on Pod "web": ${uidOther}`)],
    [false, 'no relationship found, in a graph that lags', status('forbidden', 403, noRelation)],
    [false, 'something else is not found', status('notFound', 404, 'the server could not find the requested resource')],
    [false, 'a pod with a longer name is not found', status('notFound', 404, 'pod "web-1" not found')],
    [false, 'a driver of the pod is not found', status('forbidden', 403, 'csidriver.storage.k8s.io "x" not found')],
    [false, 'the relay may not impersonate', status('forbidden', 403, 'cannot impersonate-on:arbitrary-node:create')],
    [false, 'the body is not taken', status('refused', 422, 'may not specify a duration less than 10 minutes')],
  ];
  for (const [ends, what, answer] of answers) {
    it(`${ends ? 'ends what is kept' : 'lets what is kept be'} and is passed on: ${what}`, () => {
      const { type: _type, ...rest } = answer;
      assert.deepEqual(verdictOf(answer, KEY), { type: 'refused', ...rest, isGone: ends });
    });
  }

  it('that is none leaves it to the kept token', () => {
    const unavailable = verdictOf({ type: 'unavailable', retryAfterMs: 3_000, message: 'the API server is away' }, KEY);
    assert.deepEqual(unavailable, { type: 'keptServes', retryAfterMs: 3_000, detail: 'the API server is away' });
    assert.equal(verdictOf({ type: 'offline' }, KEY).type, 'keptServes');
  });
});
