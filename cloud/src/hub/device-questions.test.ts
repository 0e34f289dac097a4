import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeviceState, RelayMessage } from '@hawser/protocol';
import { ManualClock } from '../downstream/testing/manual-clock.ts';
import { DeviceQuestions } from './device-questions.ts';

const state = (id: number): DeviceState => ({
  ...{ id, timeMs: 1, storeBytes: 1, freeBytes: undefined, workload: '', kubelet: '', lastSync: '', startedAt: '' },
  outbox: { entries: 0, bytes: 0, oldestMs: 0, counts: [], blocked: [], droppedEvents: 0, refusedReports: 0 },
});

function scene(features: readonly string[] = ['deviceState']) {
  const clock = new ManualClock();
  const sent: RelayMessage[] = [];
  return { clock, sent, questions: new DeviceQuestions({ features, clock, send: (message) => sent.push(message) }) };
}

test('who asks while a question is under way gets the same answer', async () => {
  const { sent, questions } = scene();
  const both = [questions.ask(), questions.ask()];
  assert.deepEqual(sent, [{ type: 'deviceQuestion', id: 1 }]);
  questions.answered(state(1));
  assert.deepEqual(await Promise.all(both), [state(1), state(1)]);
  void questions.ask();
  assert.deepEqual(sent.at(-1), { type: 'deviceQuestion', id: 2 });
});

test('an agent without the feature is not asked', async () => {
  const { sent, questions } = scene(['delta']);
  assert.match(JSON.stringify(await questions.ask()), /does not tell/);
  assert.deepEqual(sent, []);
});

test('an answer that does not come, or a link that ends, is told; one that comes late is let go, one that nobody asked for ends the link', async () => {
  const { clock, questions } = scene();
  const first = questions.ask();
  clock.advance(10_000);
  assert.match(JSON.stringify(await first), /not answered within 10 s/);
  const second = questions.ask();
  questions.answered(state(1));
  questions.close();
  assert.match(JSON.stringify(await second), /just ended/);
  assert.throws(() => questions.answered(state(3)), /was not asked for/);
});
