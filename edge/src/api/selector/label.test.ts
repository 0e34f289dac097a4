import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ApiError } from '../status.ts';
import { MAX_SELECTOR_LENGTH, matchesLabels, parseLabelSelector } from './label.ts';

const matches = (selector: string, labels: Record<string, string> | undefined) =>
  matchesLabels(parseLabelSelector(selector), labels);

describe('a label selector', () => {
  it('compares for equality', () => {
    assert.ok(matches('tier=odd', { tier: 'odd' }));
    assert.ok(matches(' tier == odd ', { tier: 'odd' }));
    assert.ok(!matches('tier=odd', { tier: 'even' }));
    assert.ok(matches('tier=', { tier: '' }));
    assert.ok(!matches('tier=', {}));
  });

  it('matches objects without the key when it demands inequality', () => {
    assert.ok(matches('tier!=odd', {}));
    assert.ok(matches('tier!=odd', undefined));
    assert.ok(matches('tier notin (odd,even)', { other: 'x' }));
    assert.ok(!matches('tier notin (odd,even)', { tier: 'even' }));
  });

  it('knows sets, existence and numbers', () => {
    assert.ok(matches('tier in (odd,even)', { tier: 'even' }));
    assert.ok(!matches('tier in ()', { tier: 'even' }));
    assert.ok(matches('small,!large', { small: '' }));
    assert.ok(!matches('!small', { small: '' }));
    assert.ok(matches('n>3,n<10', { n: '5' }));
    assert.ok(!matches('n>3', { n: 'x' }));
    assert.ok(!matches('n>3', {}));
  });

  it('does not see what an object inherits', () => {
    assert.ok(!matches('toString', {}));
    assert.ok(matches('!constructor', {}));
  });

  it('selects everything when empty', () => {
    assert.deepEqual(parseLabelSelector(''), []);
    assert.deepEqual(parseLabelSelector('  '), []);
  });

  it('is refused in the words of the API server', () => {
    const message = (selector: string) => {
      try {
        parseLabelSelector(selector);
      } catch (error) {
        assert.ok(error instanceof ApiError);
        assert.equal(error.code, 400);
        return error.message;
      }
      return undefined;
    };
    assert.equal(message('a b'), "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt");
    assert.match(message('-bad=1') ?? '', /^unable to parse requirement: <nil>: Invalid value: "-bad": name part must/);
    for (const selector of [
      'a=b=c',
      'a in b',
      'a in (b',
      'a,,b',
      ',',
      'a=b,',
      '!',
      'a>x',
      '=',
      'a=-',
      '/a',
      `${'k'.repeat(64)}=1`,
    ]) {
      assert.ok(message(selector), selector);
    }
    assert.ok(message('a'.repeat(MAX_SELECTOR_LENGTH + 1)));
  });

  it('is never refused in another way, whatever it is', () => {
    const character = fc.constantFrom(
      'a',
      'B',
      '1',
      '-',
      '.',
      '/',
      '=',
      '!',
      ',',
      '(',
      ')',
      '<',
      '>',
      ' ',
      '\0',
      'ü',
      'in',
      'notin',
    );
    fc.assert(
      fc.property(fc.array(character, { maxLength: 20 }), (characters) => {
        try {
          matchesLabels(parseLabelSelector(characters.join('')), { a: '1' });
        } catch (error) {
          assert.ok(error instanceof ApiError && error.code === 400, String(error));
        }
      }),
    );
  });
});
