import assert from 'node:assert/strict';
import type { DebianRoot } from '../support/debian-root.ts';
import type { Fleet } from '../support/fleet.ts';
import { runCommand } from '../support/processes.ts';

export const CONFIG = '/etc/hawser/agent.yaml';

/** A command that has to succeed. @returns what it prints */
export function does(root: DebianRoot, ...command: string[]): string {
  const { code, stdout, stderr } = root.run(...command);
  assert.equal(code, 0, `${command.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

/** The words of the line that an administrator gives to a device. */
export async function tokenLine(
  fleet: Fleet,
  node: string,
  relay = `wss://127.0.0.1:${fleet.relays[0]?.linkPort}`,
): Promise<string[]> {
  const args = ['cloud/src/main.ts', 'token', 'create', '--kubeconfig', fleet.kubeconfig, '--relay', relay, '--node-name', node];
  const { code, stdout, stderr } = await runCommand({ name: 'hawser-relay token', args });
  assert.equal(code, 0, stderr);
  return stdout.trim().split(' ');
}

/** What an administrator does to try a device without a kubelet, on a machine whose port 6444 may be taken. */
export function simulatePods(root: DebianRoot) {
  does(root, 'sed', '-i', 's/^workload: .*/workload: hollow\\napi: {port: 0}/; /^kubelet:/d; /^  path:/d', CONFIG);
}
