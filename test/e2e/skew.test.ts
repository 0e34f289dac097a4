import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Hello, Welcome } from '@hawser/protocol';
import { atDevice, type Fleet, type FleetAgent } from '../support/fleet.ts';
import { valueIn } from '../support/metrics-page.ts';
import { buildOf, findNeighbour } from '../support/neighbour.ts';
import { type OtherMinor, startOtherMinor } from '../support/other-minor.ts';
import { issueNodeCertificate } from '../support/pki.ts';
import { ROOT } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, nodeReady, podInCloud, podOn } from './harness.ts';

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

/** Long enough that its next state is worth a delta. */
const PADDING = 'one and the same text, again and again. '.repeat(50);

/** A pod of the device arrives and is told of as Running, and a change of what it reads arrives: both directions of the link. */
async function worksTogether(fleet: Fleet, device: FleetAgent, n: number): Promise<void> {
  await fleet.kube.create(podOn(device.node, `web-${n}`, { configMaps: ['settings'] }));
  await podInCloud(fleet.kube, `web-${n}`, ({ phase }) => phase === 'Running', 60_000);
  await fleet.kube.patch('configmaps', 'default', 'settings', { data: { n: String(n) } });
  await atDevice(device, 'configmaps', 'default', 'settings', ({ data }) => (data as { n: string }).n === String(n), 60_000);
}

async function nothingWentWrong(fleet: Fleet): Promise<void> {
  const metrics = await fleet.relayMetrics();
  for (const series of [
    'hawser_relay_malformed_frames_total',
    'hawser_relay_digest_mismatches_total{told="ack"}',
    'hawser_relay_digest_mismatches_total{told="check"}',
    'hawser_relay_links_ended_total{how="protocolError"}',
    'hawser_relay_links_ended_total{how="internalError"}',
  ]) {
    assert.equal(valueIn(metrics, series), 0, series);
  }
}

const lessHello = (less: Partial<Hello>) => ({ hello: (hello: Hello) => ({ ...hello, ...less }) });
const without = (feature: string) => (names: readonly string[]) => names.filter((name) => name !== feature);
/** No dictionary has that hash. */
const UNKNOWN_DICTIONARY = 'feedfacefeedface';

/** What each of them may have and lack one minor version away, in either direction. */
const OTHERS: Readonly<Record<string, OtherMinor>> = {
  'a device without deltas': { hello: (hello) => ({ ...hello, features: without('delta')(hello.features) }) },
  'a relay without deltas': { welcome: (welcome) => ({ ...welcome, features: without('delta')(welcome.features) }) },
  'a device that lets no pods in': lessHello({ features: ['delta'], clusterKeys: undefined }),
  'a relay that knows no keys of the cluster': {
    hello: (hello) => ({ ...hello, features: without('clusterKeys')(hello.features), clusterKeys: undefined }),
    welcome: (welcome) => ({ ...welcome, features: without('clusterKeys')(welcome.features) }),
  },
  'a device without a feature and a dictionary': lessHello({ features: [], dictionaries: [], clusterKeys: undefined }),
  'a device with the dictionaries of another version only': lessHello({ dictionaries: [UNKNOWN_DICTIONARY] }),
  'a device of a later version': {
    hello: (hello) => ({
      ...hello,
      agentVersion: '0.99.0',
      protocolVersions: [2, ...hello.protocolVersions],
      features: ['ofTheFuture', ...hello.features],
      dictionaries: [UNKNOWN_DICTIONARY, ...hello.dictionaries],
    }),
    moreFields: true,
  },
  'a relay of a later version': {
    welcome: (welcome: Welcome) => ({
      ...welcome,
      relayVersion: '0.99.0',
      features: ['ofTheFuture', ...welcome.features],
      dictionaries: [UNKNOWN_DICTIONARY, ...welcome.dictionaries],
    }),
    moreFields: true,
  },
};

test('agent and relay that differ in one thing, as one minor version does, work together', { timeout: 600_000 }, async (t) => {
  const agentFlags = { '--api-pods': 'true', '--backoff-base-ms': '50', '--backoff-cap-ms': '300' };
  const fleet = await fleetFor(t, { agents: ['edge-1'], startAgents: false, agentFlags });
  const [device] = fleet.agents;
  const [relay] = fleet.relays;
  assert.ok(device && relay);
  const between = await startOtherMinor({
    relayPort: relay.linkPort,
    authority: fleet.authority,
    device: await issueNodeCertificate(fleet.authority, 'edge-1'),
  });
  t.after(() => between.close());
  device.link.retarget(between.port);
  await device.start();
  await nodeReady(fleet.kube, 'edge-1', 60_000);
  await fleet.kube.create(configMap('settings', { n: 'first', padding: PADDING }));
  await worksTogether(fleet, device, 0);

  let n = 0;
  for (const [name, other] of Object.entries(OTHERS)) {
    await t.test(name, async () => {
      n += 1;
      const deltas = async () => valueIn(await fleet.relayMetrics(), 'hawser_relay_operations_total{operation="upsertDelta"}');
      between.play(other);
      device.link.flap();
      await until('the link is made anew', 60_000, undefined, async () => between.welcomed() > 0);
      // Not sooner: the session before may have had some still to come.
      const before = await deltas();
      await worksTogether(fleet, device, n);
      if (name === 'a device without deltas' || name.startsWith('a device without a feature')) {
        assert.equal(await deltas(), before, 'no delta goes to who has not named them');
      }
      await nothingWentWrong(fleet);
    });
  }
});

test('agent and relay one minor version apart work together, in both directions', { timeout: 600_000 }, async (t) => {
  const neighbour = await findNeighbour(version);
  if (neighbour === undefined) {
    t.diagnostic('no release tag yet: what may differ is played in the test above; HAWSER_NEIGHBOUR=COMMIT tries any commit');
    return;
  }
  const other = await buildOf(t, neighbour);
  for (const [name, programs] of [
    [`the agent of ${neighbour}`, { agentMain: other.agent }],
    [`the relay of ${neighbour}`, { relayMain: other.relay }],
  ] as const) {
    await t.test(name, async (t) => {
      const fleet = await fleetFor(t, { agents: ['edge-1'], identities: 'joined', ...programs });
      const [device] = fleet.agents;
      assert.ok(device);
      await nodeReady(fleet.kube, 'edge-1', 60_000);
      await fleet.kube.create(configMap('settings', { n: 'first', padding: PADDING }));
      await worksTogether(fleet, device, 0);
      // Pods of the hollow node wait for their tokens, so that a question was answered too; here one of a person.
      const asked = await device.command('query', 'configmaps', 'kube-root-ca.crt');
      assert.equal(asked.code, 0, asked.stderr);
      device.link.flap();
      await worksTogether(fleet, device, 1);
      await nothingWentWrong(fleet);
    });
  }
});
