import type { Logger } from 'pino';
import { linkIdentity } from '../ops/identity.ts';
import type { Settings } from '../ops/settings.ts';
import { configurationText, planKubelet, unitLines, usualKubelet } from '../workload/index.ts';
import type { CliIo } from './io.ts';

export type KubeletOutput = 'text' | 'yaml' | 'command' | 'systemd';

/**
 * Prints what a kubelet beside the agent is started with, and starts and writes nothing.
 * @throws HawserError `bad_config` where it could not be started so
 */
export async function kubeletConfig(settings: Settings, output: KubeletOutput, io: CliIo): Promise<void> {
  const { nodeName } = linkIdentity(settings, { warn: warningOf(io) });
  const plan = await planKubelet(settings.kubelet, { dataDir: settings.dataDir, nodeName, searchPath: io.env.PATH });
  const program = plan.program?.path ?? usualKubelet(io.env.PATH);
  const command = [program, ...plan.args].join(' ');
  const yaml = configurationText(plan.configuration());
  switch (output) {
    case 'text':
      return io.write(`# ${command}\n# ${plan.paths.config}:\n${yaml}`);
    case 'yaml':
      return io.write(yaml);
    case 'command':
      return io.write(`${command}\n`);
    case 'systemd':
      return io.write(`${unitLines(plan.paths, program).join('\n')}\n`);
  }
}

function warningOf(io: CliIo): Logger['warn'] {
  return (fields: unknown, text?: unknown) => io.writeError(`Warning: ${typeof text === 'string' ? text : String(fields)}\n`);
}
