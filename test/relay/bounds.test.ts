import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_OPEN_QUERIES, type Question, renewalProof, signProof } from '@hawser/protocol';
import { type Device, startTwoDevices } from '../hostile/two-devices.ts';
import { deviceKey } from '../support/enrol-client.ts';
import { ready, registration, start } from './cluster.ts';
import { metricsOf } from './metrics.ts';
import type { ScriptedAgent } from './scripted-agent.ts';

/** Bounds that need the whole relay: whoever goes over them is answered or closed, and a device beside it is served as ever. */

const SECRET: Question = { type: 'get', resource: 'secrets', namespace: 'default', name: 'none' };

test('more questions than a device may have open are answered at once, and another device is answered as ever', async (t) => {
  const { relay, dial } = await start(t, { 'limits.queryCalls': '1' });
  await ready(relay);
  const { agent: loud } = await dial('edge-1');
  const { agent: quiet } = await dial('edge-2');
  await quiet.report(registration('edge-2'));
  const answers = await Promise.all(Array.from({ length: MAX_OPEN_QUERIES + 20 }, () => loud.ask(SECRET)));
  const refused = answers.filter(
    (answer) => answer.type === 'unavailable' && /64 queries of this session are open/.test(answer.message),
  );
  assert.ok(refused.length > 0 && refused.length <= 20, `${refused.length}`);
  assert.ok(
    ['found', 'notFound', 'forbidden'].includes(
      (await quiet.ask({ ...SECRET, resource: 'nodes', namespace: '', name: 'edge-2' })).type,
    ),
  );
  const metrics = await metricsOf(relay);
  assert.equal(metrics.get('hawser_relay_bounds_reached_total{bound="limits.queriesPerSession"}'), refused.length);
});

test('a device that asks without end is closed with the bound it went over, and another device is served as ever', async (t) => {
  const { relay, dial } = await start(t, { 'limits.framesPerSecond': '10' });
  await ready(relay);
  const { agent: loud } = await dial('edge-1');
  const { agent: quiet } = await dial('edge-2');
  for (let id = 1; id <= 400; id += 1) {
    loud.send({ type: 'query', query: { id, deadlineMs: 10_000, question: SECRET } });
    loud.send({ type: 'cancelQuery', id });
  }
  const goodbye = await loud.message('the goodbye', ({ type }) => type === 'goodbye');
  assert.ok(goodbye.type === 'goodbye' && goodbye.reason === 'overBound');
  assert.match(goodbye.detail, /^limits.framesPerSecond/);
  assert.equal(await loud.closed, 4006);
  assert.equal((await quiet.report(registration('edge-2'))).type, 'applied');
  const metrics = await metricsOf(relay);
  assert.equal(metrics.get('hawser_relay_bounds_reached_total{bound="limits.framesPerSecond"}'), 1);
  assert.equal(metrics.get('hawser_relay_links_ended_total{how="overBound"}'), 1);
});

test('by default what a device with a full outbox brings passes, even if it came all at once', async (t) => {
  const { relay, dial } = await start(t);
  await ready(relay);
  const { agent } = await dial('edge-1');
  await agent.report(registration('edge-1'));
  // An outbox holds 10,000 entries, of which an agent has 32 under way and waits for their answers.
  for (let n = 0; n < 2_000; n += 1) agent.send({ type: 'kubelet', alive: n % 2 === 0 });
  for (let id = 1; id <= 500; id += 1) agent.send({ type: 'cancelQuery', id });
  for (let n = 0; n < 7_000; n += 1) agent.send({ type: 'kubelet', alive: true });
  assert.equal((await agent.ask({ ...SECRET, resource: 'nodes', namespace: '', name: 'edge-1' })).type, 'found');
  const metrics = await metricsOf(relay);
  assert.equal(metrics.get('hawser_relay_bounds_reached_total{bound="limits.framesPerSecond"}'), 0);
});

test('a device that has itself renewed without end is put off, and another device is renewed as ever', async (t) => {
  const { a, b, agentB, dialA, metric } = await startTwoDevices(t);
  const agentA = await dialA();
  const outcomes: string[] = [];
  for (let n = 0; n < 10; n += 1) outcomes.push(await renewed(agentA, a));
  assert.deepEqual(outcomes, [...Array(6).fill('issued'), ...Array(4).fill('unavailable')]);
  assert.equal(await renewed(agentB, b), 'issued');
  assert.equal(await metric('hawser_relay_bounds_reached_total{bound="renewals"}'), 4);
});

/** What comes of one renewal over a link. */
async function renewed(agent: ScriptedAgent, device: Device): Promise<string> {
  const { spki, privateKey } = deviceKey();
  const before = agent.messages.length;
  agent.send({ type: 'renew', publicKey: spki, proof: signProof(renewalProof(device.certificate), privateKey) });
  const answer = await agent.message(
    'the answer',
    (message) => message.type === 'renewed' && agent.messages.indexOf(message) >= before,
  );
  assert.ok(answer.type === 'renewed');
  return answer.outcome.type;
}
