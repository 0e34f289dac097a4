import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultCacheDir } from './cache-folder.ts';

const root = { uid: 0, home: () => '/root' };
const user = { uid: 1000, home: () => '/home/of-passwd' };

test("the folder of systemd's unit comes first, the first of several", () => {
  assert.equal(defaultCacheDir({ CACHE_DIRECTORY: '/var/cache/a:/var/cache/b' }, root), '/var/cache/a');
  assert.equal(defaultCacheDir({ CACHE_DIRECTORY: '/var/cache/a', XDG_CACHE_HOME: '/x' }, user), '/var/cache/a');
});

test('root has one for the system, others one of their own', () => {
  assert.equal(defaultCacheDir({ CACHE_DIRECTORY: '', XDG_CACHE_HOME: '/x', HOME: '/root' }, root), '/var/cache/hawser');
  assert.equal(defaultCacheDir({ XDG_CACHE_HOME: '/x', HOME: '/home/u' }, user), '/x/hawser');
  assert.equal(defaultCacheDir({ XDG_CACHE_HOME: 'relative', HOME: '/home/u' }, user), '/home/u/.cache/hawser');
  assert.equal(defaultCacheDir({}, user), '/home/of-passwd/.cache/hawser');
});
