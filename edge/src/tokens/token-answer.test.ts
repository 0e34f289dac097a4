import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expiryOf } from './jwt.ts';
import { CREATED, jwt, tokenAnswer } from './testing.ts';
import { presented, readAnswer } from './token-answer.ts';

describe('the exp of a token', () => {
  it('is read from its claims, in milliseconds', () => assert.equal(expiryOf(jwt({ exp: 1_826_978_765 })), 1_826_978_765_000));

  const hostile: [string, string][] = [
    ['nothing', ''],
    ['words', 'not a token at all'],
    ['two parts', 'a.b'],
    ['four parts', `${jwt({ exp: 1 })}.d`],
    ['claims that are no JSON', 'a.!!!!.c'],
    ['claims that are no object', `a.${Buffer.from('null').toString('base64url')}.c`],
    ['no exp', jwt({ iat: 1 })],
    ['an exp that is text', jwt({ exp: '1826978765' })],
    ['an exp before all time', jwt({ exp: -1 })],
    ['an exp beyond what a date can be', jwt({ exp: 1e15 })],
    ['a million characters', `a.${'b'.repeat(1_000_000)}.c`],
  ];
  for (const [what, text] of hostile) it(`of ${what} is unknown`, () => assert.equal(expiryOf(text), undefined));
});

describe('an answer', () => {
  it('is kept as it came, with the times in it', () => {
    const body = tokenAnswer(CREATED, 3607, 31_536_000);
    assert.deepEqual(readAnswer(body, 3607, CREATED + 5), {
      body,
      issuedAt: CREATED,
      keptAt: CREATED + 5,
      expiresAt: CREATED + 3_607_000,
      validUntil: CREATED + 31_536_000_000,
    });
  });

  it('with a token of a form of its own ends when its expirationTimestamp says', () => {
    const body = tokenAnswer(CREATED, 3607, 1).replace(/"token":"[^"]*"/, '"token":"opaque"');
    assert.equal(readAnswer(body, 3607, CREATED).validUntil, CREATED + 3_607_000);
  });

  const wrong: [string, string][] = [
    ['a Status', '{"kind":"Status","status":"Failure"}'],
    ['no status', '{"kind":"TokenRequest"}'],
    ['no token', '{"kind":"TokenRequest","status":{"token":"","expirationTimestamp":"2026-01-01T00:00:00Z"}}'],
    ['no time', '{"kind":"TokenRequest","status":{"token":"planted","expirationTimestamp":"soon"}}'],
    [
      'a lifetime of nothing',
      '{"kind":"TokenRequest","spec":{"expirationSeconds":0},"status":{"token":"planted","expirationTimestamp":"2026-01-01T00:00:00Z"}}',
    ],
  ];
  for (const [what, body] of wrong) {
    it(`that is ${what} is no token, and the complaint does not quote it`, () => {
      assert.throws(
        () => readAnswer(body, 3600, CREATED),
        (error: Error & { code?: string }) => error.code === 'protocol' && !error.message.includes('planted'),
      );
    });
  }

  it('is presented as it came, and past its time with a mark that says since when', () => {
    const token = readAnswer(tokenAnswer(CREATED, 600, 600), 600, CREATED);
    assert.deepEqual(presented(token, false), JSON.parse(token.body));
    const { metadata, ...rest } = presented(token, true);
    const { metadata: before, ...others } = JSON.parse(token.body);
    assert.deepEqual(rest, others);
    assert.deepEqual(metadata, { ...before, annotations: { 'hawser.dev/token-expired': '2026-01-01T00:10:00.000Z' } });
  });
});
