import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import { pino } from 'pino';
import { ManualClock } from '../downstream/testing/manual-clock.ts';
import { Impersonation, nodeUser, probeImpersonation } from './impersonation.ts';

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

test('a relay that may not act as a node looks again which form works, once a minute at most', async () => {
  const clock = new ManualClock();
  let isGranted = false;
  const asked: string[] = [];
  const api = {
    async request({ path, impersonate }: { path: string; impersonate?: { groups: readonly string[] } }) {
      asked.push(path);
      const isMine = isGranted && impersonate?.groups.length === 0;
      if (!isMine)
        return { status: 403, headers: {}, text: '{"message":"User \\"relay\\" cannot impersonate resource \\"users\\""}' };
      return { status: 201, headers: {}, text: '{"status":{"userInfo":{"groups":["system:nodes"]}}}' };
    },
  };
  const impersonation = new Impersonation({ api, clock, signal: NEVER, logger: pino({ level: 'silent' }) });
  assert.equal(impersonation.form, undefined);
  assert.equal(await impersonation.learn(), 'groups');
  const write = () => impersonation.api.request({ method: 'PATCH', path: '/pods', impersonate: nodeUser('edge-1', 'groups') });
  isGranted = true;
  await write();
  clock.advance(60_000);
  await write();
  await write();
  await new Promise(setImmediate);
  assert.equal(impersonation.form, 'constrained');
  assert.equal(asked.filter((path) => path.endsWith('/selfsubjectreviews')).length, 2);
});

test('an API server that has learnt the newer form is acted on in it within an hour, though the older still works', async () => {
  const clock = new ManualClock();
  let groups = ['system:authenticated'];
  let probes = 0;
  const api = {
    async request({ path }: { path: string }) {
      if (!path.endsWith('/selfsubjectreviews')) return { status: 200, headers: {}, text: '{}' };
      probes += 1;
      return { status: 201, headers: {}, text: JSON.stringify({ status: { userInfo: { groups } } }) };
    },
  };
  const impersonation = new Impersonation({ api, clock, signal: NEVER, logger: pino({ level: 'silent' }) });
  assert.equal(await impersonation.learn(), 'groups');
  const write = async () => {
    await impersonation.api.request({ method: 'PATCH', path: '/pods', impersonate: nodeUser('edge-1', 'groups') });
    await new Promise(setImmediate);
  };
  groups = ['system:nodes'];
  await write();
  assert.equal(impersonation.form, 'groups');
  clock.advance(60 * 60_000);
  await write();
  assert.equal(impersonation.form, 'constrained');
  clock.advance(60 * 60_000);
  await write();
  assert.equal(probes, 2);
});
