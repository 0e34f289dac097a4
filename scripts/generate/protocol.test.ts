import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { readGenerated, withFreshGeneration } from './protocol.ts';

test('the committed generated code is what the .proto files give today', () => {
  withFreshGeneration((fresh) => {
    const committed = readGenerated(join(import.meta.dirname, '..', '..', 'protocol', 'src', 'gen'));
    assert.deepEqual(committed, readGenerated(fresh), 'run `npm run generate` and commit the result');
  });
});
