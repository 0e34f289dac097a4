import assert from 'node:assert/strict';
import { test } from 'node:test';
import { embeddedOnly } from '../kubernetes/which.ts';
import { followChanges } from '../support/change-history.ts';
import type { FleetAgent } from '../support/fleet.ts';
import { until } from '../support/until.ts';
import { commandsFor, fleetFor } from './harness.ts';
import { type Cell, ENTRIES } from './kills/entries.ts';
import { POINTS, waiting } from './kills/points.ts';
import { refusalsOf, registered } from './kubelet.ts';

/**
 * Agent and relay are killed with SIGKILL at each step of a report's way, with one entry of every kind under way, and every entry
 * comes about exactly once: by the history of changes that the API server's watches tell, not by its end state. Each point is reached
 * by something that can be seen from outside (rows of the store, calls that the API server holds, bytes that a proxy holds), so that a
 * kill is never early or late.
 */

const RESOURCES = ['nodes', 'pods', 'events', 'storage.k8s.io/csinodes', 'coordination.k8s.io/leases'];

test('whoever is killed at whichever step of a report’s way, every entry comes about exactly once', {
  skip: embeddedOnly('faults'),
  timeout: 400_000,
}, async (t) => {
  const fresh = POINTS.map((_, index) => `fresh-${index}`);
  // Processes start again some forty times, and bundles start faster.
  const bundles = await commandsFor(t);
  const fleet = await fleetFor(t, {
    relayMain: bundles.relay,
    agentMain: bundles.agent,
    agents: ['worn', 'labelled', ...fresh],
    startAgents: false,
    faults: true,
    counts: true,
    agentFlags: {
      ...{ '--workload': 'none', '--ops-port': '0' },
      ...{ '--backoff-base-ms': '50', '--backoff-cap-ms': '300' },
    },
  });
  const history = followChanges(fleet.kube, RESOURCES);
  t.after(() => history.stop());
  const deviceOf = (name: string) => fleet.agents.find((agent) => agent.name === name) ?? assert.fail(name);
  const [worn, labelled] = [deviceOf('worn'), deviceOf('labelled')];
  for (const device of [worn, labelled]) {
    await device.start();
    await registered(fleet.kube, device);
  }
  const cells: Cell[] = [];

  const check = (cell: Cell, what: string) => {
    for (const entry of ENTRIES) {
      const effects = entry.effects(cell, history);
      assert.deepEqual(effects, { times: 1, isRight: true }, `${entry.kind}, ${what}`);
    }
  };
  for (const [index, { name, victim, run }] of POINTS.entries()) {
    await t.test(`${victim} killed: ${name}`, { timeout: 90_000 }, async () => {
      const cell: Cell = { name: `c${index}`, fleet, devices: { worn, labelled, fresh: deviceOf(`fresh-${index}`) } };
      await cell.devices.fresh.start();
      await until('a link', 60_000, undefined, async () => (await linkOf(cell.devices.fresh)) === 'open');
      await Promise.all(ENTRIES.map((entry) => entry.prepare?.(cell)));
      await until('an empty outbox', 60_000, undefined, async () => waiting(cell) === 0);
      await run(cell);
      await until('an empty outbox', 60_000, undefined, async () => waiting(cell) === 0);
      await history.caughtUp();
      check(cell, 'when all is answered');
      await cell.devices.fresh.process().stop();
      cells.push(cell);
    });
    // What a failure has left cut or held would fail all others too.
    if (cells.length <= index) return;
  }

  await t.test('and nothing comes about once more later', async () => {
    await history.caughtUp();
    for (const cell of cells) check(cell, `point ${cell.name}, at the end`);
  });

  await t.test('no entry was refused', () => {
    for (const device of new Set(cells.flatMap(({ devices }) => Object.values(devices)))) {
      assert.deepEqual(refusalsOf(device), [], device.name);
    }
  });

  const { body } = await fleet.kube.raw('GET', '/-/requests');
  const calls = (body as { as: string; method: string; count: number }[])
    .filter(({ as, method }) => as !== '' && method !== 'GET')
    .reduce((sum, { count }) => sum + count, 0);
  t.diagnostic(`${cells.length} points, ${cells.length * ENTRIES.length} entries killed on their way, ${calls} writes as a node`);
});

async function linkOf(device: FleetAgent): Promise<string | undefined> {
  const store = device.store();
  try {
    return store.facts()['link.state'];
  } finally {
    store.close();
  }
}
