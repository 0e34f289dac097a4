import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { jsonProblem } from './json-syntax.ts';

describe('what is wrong with a JSON text', () => {
  it('is told in the words of the API server', () => {
    for (const [text, problem] of [
      ['', 'unexpected end of JSON input'],
      ['{"apiVersion":"v1",', 'unexpected end of JSON input'],
      ['not json', "invalid character 'o' in literal null (expecting 'u')"],
      ['{bad', "invalid character 'b' looking for beginning of object key string"],
      ['{"a" 1}', "invalid character '1' after object key"],
      ['{"a":1 "b"', `invalid character '"' after object key:value pair`],
      ['[1 2]', "invalid character '2' after array element"],
      ['{} x', "invalid character 'x' after top-level value"],
      ['{"a":}', "invalid character '}' looking for beginning of value"],
      ['[1,]', "invalid character ']' looking for beginning of value"],
      ['"a\nb"', "invalid character '\\x0a' in string literal"],
      ['"\\x"', "invalid character 'x' in string escape code"],
    ] as const) {
      assert.equal(jsonProblem(text), problem, text);
    }
  });

  it('is nothing exactly when JSON.parse takes the text', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '"a"',
      '1',
      '-',
      '.5',
      'e3',
      'true',
      'null',
      ' ',
      '\\u00',
      '\t',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        let parses = true;
        try {
          JSON.parse(text);
        } catch {
          parses = false;
        }
        assert.equal(jsonProblem(text) === undefined, parses, JSON.stringify(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('is too much depth', () => {
    assert.equal(jsonProblem('['.repeat(100_000)), 'exceeded max depth');
  });
});
