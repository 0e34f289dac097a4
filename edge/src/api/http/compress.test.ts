import assert from 'node:assert/strict';
import { test } from 'node:test';
import { takesGzip } from './compress.ts';

test('gzip is taken by who names it or everything, and not as unwanted', () => {
  const taken = ['gzip', 'deflate, gzip, br', 'GZIP;q=0.5', '*', 'br;q=1, *;q=0.1', 'identity, gzip; q=1'];
  const not = [undefined, '', 'identity', 'br', 'gzip;q=0', 'gzip; q=0.0, *', '*;q=0', 'gzip;q=x', 'x-gzip'];
  assert.deepEqual(taken.filter(takesGzip), taken);
  assert.deepEqual(not.filter(takesGzip), []);
});
