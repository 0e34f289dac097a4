import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fleetFor, nodeReady } from '../e2e/harness.ts';
import { servedMetrics } from '../support/metrics-page.ts';
import { withoutTool } from '../support/tools.ts';
import { promtool } from './promtool.ts';

test('what a running relay and a running agent serve passes promtool, with 30 metrics of our own each', {
  timeout: 240_000,
  skip: withoutTool('promtool'),
}, async (t) => {
  const fleet = await fleetFor(t, { agents: ['edge-1'], agentFlags: { '--ops-port': '0' } });
  const [agent] = fleet.agents;
  assert.ok(agent);
  await nodeReady(fleet.kube, 'edge-1');
  for (const [prefix, text] of [
    ['hawser_relay_', await fleet.relayMetrics()],
    ['hawser_agent_', await agent.metrics()],
  ] as const) {
    const { code, output } = await promtool(['check', 'metrics'], text);
    assert.equal(output, '', `${prefix}: what promtool says`);
    assert.equal(code, 0, prefix);
    const own = [...servedMetrics(text, prefix).keys()];
    assert.ok(own.length >= 30, `${prefix}: ${own.length}`);
    for (const name of own) assert.match(text, new RegExp(`^# HELP ${name} \\S`, 'm'));
    assert.match(text, new RegExp(`^${prefix}build_info\\{version="\\d+\\.\\d+\\.\\d+[^"]*"\\} 1$`, 'm'));
  }
});
