import assert from 'node:assert/strict';
import { test } from 'node:test';
import { neighbourOf } from './neighbour.ts';

test('the neighbour of a version is the newest release with another minor', () => {
  const tags = ['v0.1.0', 'v0.1.3', 'v0.2.0', 'v0.10.1', 'v0.10.0', 'v1.0.0-rc.1', 'nightly', ''];
  assert.equal(neighbourOf(tags, '0.11.0'), 'v0.10.1');
  assert.equal(neighbourOf(tags, '0.10.4'), 'v0.2.0');
  assert.equal(neighbourOf(tags, '1.0.0'), 'v0.10.1');
  assert.equal(neighbourOf(['v0.1.0', 'v0.1.1'], '0.1.2'), undefined);
  assert.equal(neighbourOf([], '0.1.0'), undefined);
});
