import assert from 'node:assert/strict';
import { it } from 'node:test';
import { monotonic } from '../monotonic.ts';
import { OwnLinks } from './own-links.ts';
import { session } from './testing/lease-world.ts';

it('a relay without others knows the links that it has, and those that it had', () => {
  let now = 1_000;
  const links = new OwnLinks(() => now);
  const [older, newer] = [session('edge-1'), session('edge-1')];
  assert.equal(links.link('edge-1'), 'none');
  links.opened(older);
  links.opened(newer);
  links.ended(older);
  now += 500;
  assert.deepEqual([links.isOurs(older), links.isOurs(newer)], [false, true]);
  assert.deepEqual(links.link('edge-1'), { state: 'up', ageMs: 500, agentVersion: '1', isShared: false });
  links.ended(newer);
  now += 200;
  assert.equal(links.isOurs(newer), false);
  assert.deepEqual(links.link('edge-1'), { state: 'down', ageMs: 200, agentVersion: '', isShared: false });
  links.opened(older);
  assert.deepEqual(links.link('edge-1'), { state: 'up', ageMs: 0, agentVersion: '1', isShared: false });
});

it('time does not go back with the clock, and goes on from there', () => {
  let wall = 1_000_000;
  const time = monotonic({ now: () => new Date(wall) });
  const start = time();
  wall += 500;
  assert.equal(time(), start + 500);
  wall -= 3_600_000;
  assert.equal(time(), start + 500);
  wall += 200;
  assert.equal(time(), start + 700);
});
