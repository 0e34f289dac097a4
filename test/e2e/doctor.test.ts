import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FleetAgent } from '../support/fleet.ts';
import { freePort } from '../support/free-port.ts';
import { until } from '../support/until.ts';
import { fleetFor, nodeReady } from './harness.ts';

interface Report {
  readonly ok: boolean;
  readonly findings: readonly { readonly check: string; readonly level: string; readonly text: string }[];
}

interface Status {
  readonly link: { readonly state: string; readonly since: string };
  readonly session: { readonly state: string };
  readonly concerns: readonly { readonly code: string }[];
}

/** @param apiPort where the local API would be, if no agent runs that says so: the default may be taken by another program here */
async function doctor(device: FleetAgent, apiPort: number): Promise<Report> {
  const { code, stdout, stderr } = await device.command('doctor', '-o', 'json', '--api-port', String(apiPort));
  const report: Report = JSON.parse(stdout);
  assert.equal(code, report.ok ? 0 : 1, stderr);
  return report;
}

const statusOf = async (device: FleetAgent) => (await device.status()) as unknown as Status;

function inSync(device: FleetAgent): Promise<Status> {
  return until('the device in sync', 60_000, undefined, async () => {
    const status = await statusOf(device);
    return status.link.state === 'open' && status.session.state === 'inSync' && status;
  });
}

test('nothing is wrong with a linked device: its link goes on beside doctor, and where no agent runs doctor greets the relay itself', {
  timeout: 360_000,
}, async (t) => {
  const fleet = await fleetFor(t, { agents: ['edge-1'], identities: 'joined' });
  const [device] = fleet.agents;
  assert.ok(device);
  await nodeReady(fleet.kube, 'edge-1');
  const before = await inSync(device);
  const told = (report: Report, check: string) => report.findings.filter((finding) => finding.check === check);

  const apiPort = await freePort();
  const linked = await doctor(device, apiPort);
  assert.deepEqual(
    linked.findings.filter(({ level }) => level === 'problem'),
    [],
  );
  for (const check of ['agent', 'certificate', 'dns', 'proxy', 'tcp', 'tls', 'clock', 'link', 'store', 'api']) {
    const levels = told(linked, check).map(({ level }) => level);
    assert.ok(levels.every((level) => level === 'ok') && levels.length > 0, `${check}: ${JSON.stringify(told(linked, check))}`);
  }
  assert.match(told(linked, 'link')[0]?.text ?? '', /^open since .*, inSync \(the running agent says so\)$/);
  assert.match(told(linked, 'tls')[0]?.text ?? '', /^TLSv1\.3, /);
  assert.match(told(linked, 'clock')[0]?.text ?? '', /as the relay's to some seconds/);
  const after = await statusOf(device);
  assert.deepEqual([after.link.state, after.link.since], ['open', before.link.since]);

  await device.process().stop();
  const stopped = await doctor(device, apiPort);
  assert.deepEqual(
    stopped.findings.filter(({ level }) => level === 'problem'),
    [],
  );
  assert.match(told(stopped, 'link')[0]?.text ?? '', /^welcomed by relay .* in .*, and left again$/);
  const off = await statusOf(device);
  assert.deepEqual([off.link.state, off.concerns.map(({ code }) => code)], ['down', ['notRunning']]);

  await device.start();
  await inSync(device);
});
