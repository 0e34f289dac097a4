import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import { nodeUser, probeImpersonation } from './impersonation.ts';

const NEVER = new AbortController().signal;

function review(status: number, groups: readonly string[]) {
  const asked: unknown[] = [];
  return {
    asked,
    request: async (request: { impersonate?: unknown }) => {
      asked.push(request.impersonate);
      return { status, headers: {}, text: JSON.stringify({ status: { userInfo: { username: 'system:node:x', groups } } }) };
    },
  };
}

test('where the server adds the group by itself, the user stands alone', async () => {
  const api = review(201, ['system:nodes', 'system:authenticated']);
  assert.equal(await probeImpersonation(api, NEVER), 'constrained');
  assert.deepEqual(api.asked, [{ user: 'system:node:hawser-probe', groups: [] }]);
  assert.deepEqual(nodeUser('edge-1', 'constrained'), { user: 'system:node:edge-1', groups: [] });
});

test('where it does not, or refuses, the group is sent', async () => {
  assert.equal(await probeImpersonation(review(201, ['system:authenticated']), NEVER), 'groups');
  assert.equal(await probeImpersonation(review(403, []), NEVER), 'groups');
  assert.deepEqual(nodeUser('edge-1', 'groups'), { user: 'system:node:edge-1', groups: ['system:nodes'] });
});

test('an answer to another question decides nothing', async () => {
  for (const status of [401, 429, 500, 503]) {
    await assert.rejects(
      probeImpersonation(review(status, []), NEVER),
      (error) => error instanceof HawserError && error.code === 'unreachable',
    );
  }
});
