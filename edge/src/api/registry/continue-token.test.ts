import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ApiError } from '../status.ts';
import { decodeContinue, encodeContinue } from './continue-token.ts';

const name = fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,20}$/);

describe('a continue token', () => {
  it('has the form of the API server', () => {
    const token = encodeContinue({ revision: 1523, after: { namespace: 'rec-list', name: 'cm-3' } }, false);
    assert.equal(token, 'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MTUyMywic3RhcnQiOiIvY20tM1x1MDAwMCJ9');
    const inconsistent = encodeContinue({ revision: -1, after: { namespace: 'rec-list', name: 'cm-3' } }, false);
    assert.equal(inconsistent, 'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoiY20tM1x1MDAwMCJ9');
  });

  it('says the same when it comes back', () => {
    fc.assert(
      fc.property(name, name, fc.integer({ min: 1 }), fc.boolean(), (namespace, object, revision, all) => {
        const position = { revision, after: { namespace, name: object } };
        assert.deepEqual(decodeContinue(encodeContinue(position, all), all ? undefined : namespace), position);
      }),
    );
  });

  it('is refused when it is none, and never fails in another way', () => {
    const content = fc.record({ v: fc.constantFrom('meta.k8s.io/v1', 'x'), rv: fc.jsonValue(), start: fc.jsonValue() });
    const forged = fc.oneof(content, fc.jsonValue()).map((value) => Buffer.from(JSON.stringify(value)).toString('base64url'));
    fc.assert(
      fc.property(fc.oneof(forged, fc.string({ maxLength: 30 }), fc.base64String()), (token) => {
        try {
          const { revision, after } = decodeContinue(token, undefined);
          assert.ok(Number.isSafeInteger(revision) && revision !== 0);
          assert.equal(typeof after.name, 'string');
        } catch (error) {
          assert.ok(error instanceof ApiError && error.code === 400, String(error));
        }
      }),
      { numRuns: 1000 },
    );
  });
});
