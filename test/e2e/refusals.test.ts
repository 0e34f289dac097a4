import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type KubeObject, objectKey } from '@hawser/protocol';
import type { KubeClient } from '../support/kube.ts';
import { startTampering } from '../support/tampering.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, nodeReady, podInCloud, podOn } from './harness.ts';

const BAD = objectKey('configmaps', 'default', 'bad');

/** An Event of the relay on that object, once it says that it happened so often. */
function refusedEvent(kube: KubeClient, name: string, count: number): Promise<KubeObject> {
  return until(`${count} refusals of ${name}`, 60_000, undefined, async () => {
    const events = await kube.list('events', 'default');
    const [event, ...others] = events.filter(
      ({ reason, involvedObject }) => reason === 'RefusedByDevice' && Object(involvedObject).name === name,
    );
    assert.deepEqual(others, []);
    return event?.count === count ? event : undefined;
  });
}

test('an object that a device refuses: the rest stands, the cluster hears of it, and it is tried again only with a reason', {
  timeout: 360_000,
}, async (t) => {
  const fleet = await fleetFor(t, { agents: ['edge-1'] });
  const [device] = fleet.agents;
  assert.ok(device);
  await nodeReady(fleet.kube, 'edge-1');
  const { linkPort } = await fleet.relay().line('its ports', ({ msg }) => msg === 'relay listening');
  const between = await startTampering(fleet.dir, 'edge-1', () => Number(linkPort));
  t.after(() => between.close());
  device.link.retarget(between.port);
  device.link.flap();

  /** What went down since then, once the session is in sync again. */
  const mark = () => ({ messages: between.down.length, sent: between.sent.length });
  const inSyncSince = async (since: ReturnType<typeof mark>) => {
    const messages = () => between.down.slice(since.messages);
    await until('in sync', 60_000, undefined, async () => {
      const last = messages().findLast(({ type }) => type === 'status' || type === 'welcome');
      return last !== undefined && 'status' in last && last.status.state === 'inSync';
    });
    return {
      inventories: messages().filter(({ type }) => type === 'inventoryRequest').length,
      sent: between.sent.slice(since.sent).filter((key) => key === BAD).length,
    };
  };
  await inSyncSince({ messages: 0, sent: 0 });

  between.spoil(BAD);
  await fleet.kube.create(configMap('bad', { a: '1' }));
  await fleet.kube.create(configMap('good', { a: '1' }));
  await fleet.kube.create(podOn('edge-1', 'web', { configMaps: ['good', 'bad'] }));
  await podInCloud(fleet.kube, 'web', ({ containerStatuses }) => {
    return containerStatuses?.[0]?.state.waiting?.reason === 'CreateContainerConfigError';
  });
  assert.ok(await device.local.get('configmaps', 'default', 'good'), 'the rest stands');
  const event = await refusedEvent(fleet.kube, 'bad', 1);
  assert.match(String(event.message), /^Node edge-1 could not take this version: hashMismatch/);
  assert.deepEqual([event.type, event.reportingComponent], ['Warning', 'hawser-relay']);
  const counted = (series: RegExp) =>
    // The API server has the Event before the relay has its answer.
    until(`${series} in the metrics`, 60_000, undefined, async () => series.test(await fleet.relayMetrics()));
  await counted(/^hawser_relay_nacks_total\{reason="hashMismatch"\} 1$/m);
  await counted(/^hawser_relay_refusal_events_total\{result="created"\} 1$/m);

  const beforeRelay = mark();
  await fleet.relay().stop();
  await fleet.startRelay();
  assert.deepEqual(await inSyncSince(beforeRelay), { inventories: 0, sent: 0 }, 'a restart of the relay is no reason');

  const beforeAgent = mark();
  await device.process().stop();
  await device.start();
  await refusedEvent(fleet.kube, 'bad', 2);
  assert.deepEqual(await inSyncSince(beforeAgent), { inventories: 1, sent: 1 }, 'a restart of the agent is one');
  await counted(/^hawser_relay_refusal_events_total\{result="counted"\} 1$/m);

  between.spoil(undefined);
  await fleet.kube.patch('configmaps', 'default', 'bad', { data: { a: '2' } });
  await podInCloud(fleet.kube, 'web', ({ phase }) => phase === 'Running');
  assert.deepEqual((await device.local.get('configmaps', 'default', 'bad'))?.data, { a: '2' });
});
