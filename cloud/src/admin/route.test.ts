import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routeOf } from './route.ts';

test('what is asked for is told by method, path and query, with the verb that it takes', () => {
  const path = '/hawser/nodes';
  assert.deepEqual(routeOf('GET', path), { to: 'nodes', limit: 500, after: '', path, verb: 'get' });
  assert.deepEqual(routeOf('GET', `${path}?limit=999999&continue=edge-1`), {
    to: 'nodes',
    limit: 2_000,
    after: 'edge-1',
    path,
    verb: 'get',
  });
  assert.deepEqual(routeOf('GET', `${path}?watch=true`), { to: 'watch', path, verb: 'get' });
  assert.deepEqual(routeOf('GET', `${path}/edge-1`), { to: 'node', node: 'edge-1', path: `${path}/edge-1`, verb: 'get' });
  assert.deepEqual(routeOf('PUT', '/hawser/log-level'), { to: 'setLogLevel', path: '/hawser/log-level', verb: 'update' });
  assert.deepEqual(routeOf('GET', '/hawser/version'), { to: 'version', path: '/hawser/version', verb: 'get' });
});

test('another path, method or query is refused in words, and no name is read out of a path that is none', () => {
  for (const [method, url, code] of [
    ['GET', '/', 404],
    ['GET', '/hawser/nodes/', 404],
    ['GET', '/hawser/nodes/Edge_1', 404],
    ['GET', '/hawser/nodes/a/b', 404],
    ['GET', '/hawser/nodes/..%2fversion', 404],
    ['GET', '/hawser/nodes?limit=0', 400],
    ['GET', `/hawser/nodes?${'x'.repeat(2_000)}`, 400],
    ['PUT', '/hawser/nodes', 405],
    ['DELETE', '/hawser/log-level', 405],
  ] as const) {
    const route = routeOf(method, url);
    assert.deepEqual([route.to, 'code' in route ? route.code : undefined], ['refused', code], url);
  }
});
