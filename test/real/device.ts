import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { stringify } from 'yaml';
import { fleetFor } from '../e2e/harness.ts';
import type { Fleet, FleetAgent } from '../support/fleet.ts';
import { freePort } from '../support/free-port.ts';
import { type Machine, makeMachine } from './machine.ts';
import type { DevicePrograms } from './programs.ts';

export interface RealDevice {
  readonly fleet: Fleet;
  readonly device: FleetAgent;
  readonly machine: Machine;
  /** For the agent: how its kubelet is started. */
  readonly kubeletFlags: Readonly<Record<string, string>>;
  /** Of the kubelet's own server. */
  readonly port: number;
}

/** A cluster, a relay and a machine that is on; the agent is not started. */
export async function realDevice(t: TestContext, programs: DevicePrograms): Promise<RealDevice> {
  const fleet = await fleetFor(t, { agents: ['edge-1'], identities: 'joined', startAgents: false });
  const [device] = fleet.agents;
  if (device === undefined) throw new Error('the fleet has no agent');
  const dir = mkdtempSync(join(tmpdir(), 'hawser-real-'));
  const machine = await makeMachine(dir, programs);
  // Hooks run in the order in which they were added: the fleet's has ended the agent and its kubelet by then.
  t.after(async () => {
    await machine.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  await machine.start();
  const config = join(dir, 'kubelet.yaml');
  const [port, healthzPort] = [await freePort(), await freePort()];
  // Mounted files are looked at every second, where a device has a minute.
  writeFileSync(config, stringify({ ...machine.configuration, port, healthzPort, syncFrequency: '1s' }));
  const kubeletFlags = {
    '--workload': 'kubelet',
    '--kubelet-config': config,
    '--kubelet-args': ['--v=2', ...machine.flags].join(),
  };
  return { fleet, device, machine, kubeletFlags, port };
}
