import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Fleet } from '../support/fleet.ts';
import { type RunningProcess, runCommand, startProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { SOON_AGAIN } from './harness.ts';

export const AGENT = 'edge/src/main.ts';

/** `hawser-relay` as an administrator runs it. */
export async function administer(fleet: Fleet, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand({
    name: `hawser-relay ${args[0]}`,
    args: ['cloud/src/main.ts', ...args, '--kubeconfig', fleet.kubeconfig],
  });
  assert.equal(code, 0, stderr);
  return stdout;
}

/** The words of a join line behind `hawser-agent`. */
export async function lineOf(fleet: Fleet, relays: readonly string[], ...flags: string[]): Promise<string[]> {
  const line = await administer(fleet, 'token', 'create', ...relays.flatMap((relay) => ['--relay', relay]), ...flags);
  assert.match(line, /^hawser-agent join wss:.* --token [a-z0-9]{6}\.[a-z0-9]{16} --ca-hash sha256:[0-9a-f]{64}.*\n$/);
  return line.trim().split(' ').slice(1);
}

export const secretIn = (words: readonly string[]) =>
  words[words.indexOf('--token') + 1]?.split('.')[1] ?? assert.fail('no token');
export const hashIn = (words: readonly string[]) => words[words.indexOf('--ca-hash') + 1] ?? assert.fail('no hash');
export const addressOf = (fleet: Fleet, index = 0) => `wss://127.0.0.1:${fleet.relays[index]?.linkPort}`;

/** One device: its data folder, its commands, its agent. */
export function deviceIn(t: TestContext, fleet: Fleet, name: string, env: Record<string, string> = {}) {
  const dataDir = join(fleet.dir, name);
  const logFile = join(fleet.dir, `${name}.log`);
  const command = (...words: string[]) =>
    runCommand({ name: `hawser-agent ${words[0]}`, args: [AGENT, ...words, '--data-dir', dataDir], env });
  return {
    dataDir,
    logFile,
    command,
    async start(): Promise<RunningProcess> {
      const words = ['--data-dir', dataDir, '--api-port', '0', ...Object.entries(SOON_AGAIN).flat()];
      const agent = startProcess({ name, args: [AGENT, 'run', ...words], logFile, env });
      t.after(() => agent.stop());
      await agent.line('its start', ({ msg }) => msg === 'agent started');
      return agent;
    },
    async status() {
      const { code, stdout, stderr } = await command('status', '-o', 'json');
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout) as { session: { state: string }; link: { state: string; detail: string | null } };
    },
    inSync: () =>
      until(`${name} in sync`, 60_000, undefined, async () => {
        const { stdout } = await command('status', '-o', 'json');
        return stdout !== '' && JSON.parse(stdout).session.state === 'inSync';
      }),
    /** The public key that the device's certificate is for. */
    deviceFile: () => readFileSync(join(dataDir, 'identity', 'device.pem'), 'utf8'),
  };
}
