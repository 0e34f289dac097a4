import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { JsonObject, KubeObject } from '@hawser/protocol';
import { pino } from 'pino';
import { simulatedClock } from '../../link/simulated-clock.ts';
import { createPodEvents } from './pod-events.ts';
import { podSpecOf } from './pod-spec.ts';

function recorder(failure?: Error) {
  const clock = simulatedClock();
  const created: KubeObject[] = [];
  const patched: { name: string; patch: JsonObject }[] = [];
  const lines: string[] = [];
  const events = createPodEvents({
    client: {
      create: async (_resource, _namespace, object) => {
        if (failure !== undefined) throw failure;
        created.push(object);
        return object;
      },
      patchEvent: async (_namespace, name, patch) => patched.push({ name, patch }),
    },
    nodeName: 'edge-1',
    clock,
    random: () => 0.5,
    logger: pino({ level: 'warn' }, { write: (line: string) => lines.push(line) }),
  });
  return { clock, created, patched, lines, events };
}

const POD = podSpecOf({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'shop', uid: 'u-1' }, spec: {} });

it('an Event has the shape of a kubelet’s', () => {
  const { created, events } = recorder();
  events.warn(POD, 'FailedMount', 'no token');
  assert.deepEqual(created, [
    {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'web.7a120', namespace: 'shop' },
      involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: 'web', uid: 'u-1' },
      reason: 'FailedMount',
      message: 'no token',
      source: { component: 'kubelet', host: 'edge-1' },
      firstTimestamp: '1970-01-01T00:00:00Z',
      lastTimestamp: '1970-01-01T00:00:00Z',
      count: 1,
      type: 'Warning',
      eventTime: null,
      reportingComponent: 'kubelet',
      reportingInstance: 'edge-1',
    },
  ]);
});

it('what goes on happening is counted up, at most every five minutes', () => {
  const { clock, created, patched, events } = recorder();
  for (let minute = 0; minute < 11; minute++) {
    events.warn(POD, 'FailedMount', 'no token');
    clock.advance(60_000);
  }
  assert.equal(created.length, 1);
  assert.deepEqual(patched, [
    { name: 'web.7a120', patch: { count: 6, lastTimestamp: '1970-01-01T00:05:00Z' } },
    { name: 'web.7a120', patch: { count: 11, lastTimestamp: '1970-01-01T00:10:00Z' } },
  ]);
});

it('another message is another Event, and there are not more than twenty of a pod', () => {
  const { created, events } = recorder();
  for (let n = 0; n < 30; n++) events.warn(POD, 'FailedMount', `because of ${n}`);
  assert.equal(created.length, 20);
  events.forget('u-1');
  events.warn(POD, 'FailedMount', 'because of 0');
  assert.equal(created.length, 21);
});

it('an Event that cannot be written is logged and nothing else', async () => {
  const { lines, events } = recorder(new Error('the outbox is full'));
  events.warn(POD, 'FailedMount', 'no token');
  await turn();
  assert.match(lines.join(''), /event not written/);
});

it('the name of the longest pod leaves room for the time', () => {
  const { created, events } = recorder();
  events.warn({ ...POD, name: 'x'.repeat(253) }, 'FailedMount', 'no token');
  assert.equal(created[0]?.metadata.name?.length, 253);
});
