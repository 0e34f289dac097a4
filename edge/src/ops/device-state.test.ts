import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MAX_BLOCKED } from '@hawser/protocol';
import type { EdgeStore } from '../store/index.ts';
import { deviceState } from './device-state.ts';

const NOW = Date.parse('2030-01-01T00:01:00Z');
const clock = { now: () => new Date(NOW) };

const outbox: Pick<EdgeStore['outbox'], 'size' | 'oldest' | 'byResource' | 'dropped' | 'refusals'> = {
  size: () => ({ entries: 3, bytes: 70 }),
  oldest: () => '2030-01-01T00:00:00Z',
  byResource: () => [{ resource: 'pods', entries: 3 }],
  dropped: () => ({ total: { count: 1, bytes: 2, age: 4 }, untold: 0 }),
  refusals: () => [],
};

test('what is told is bounded, what has no name yet is left out, and a clock that was set back makes no span negative', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-state-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const waiting = Array.from({ length: MAX_BLOCKED + 5 }, (_, number) => ({
    object: `pods/default/p${number}`,
    why: 'busy',
    sinceMs: NOW + 5_000,
  }));
  const store = { path: join(folder, 'agent.db'), outbox, fact: () => undefined } as unknown as EdgeStore;
  const state = deviceState(7, {
    store,
    upstream: { blocked: () => [{ object: 'pods/default/', why: '', sinceMs: 0 }, ...waiting] },
    clock,
  });
  assert.deepEqual([state.id, state.timeMs, state.outbox.oldestMs, state.outbox.droppedEvents], [7, NOW, 60_000, 7]);
  assert.equal(state.outbox.blocked.length, MAX_BLOCKED - 1);
  assert.deepEqual(state.outbox.blocked[0], { key: 'pods/default/p0', why: 'busy', ageMs: 0 });
  assert.ok(state.storeBytes === 0 && (state.freeBytes ?? 0) > 0);
});
