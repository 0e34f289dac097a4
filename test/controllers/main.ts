import { Command, InvalidArgumentError } from 'commander';
import { kubeClient } from '../support/kube.ts';
import { runNodeLifecycle } from './node-lifecycle.ts';

interface Arguments {
  readonly kubeconfig: string;
  readonly graceMs?: number;
  readonly startupGraceMs?: number;
  readonly secondMs?: number;
  readonly orphanMs?: number;
}

const program = new Command('node-lifecycle')
  .description(
    'What a cluster does to nodes that are lost and to their pods, beside the embedded API server. Runs until SIGTERM or SIGINT.',
  )
  .requiredOption('--kubeconfig <file>', 'an administrator of the cluster')
  .option('--grace-ms <number>', 'without a sign of life for so long a node counts as lost (default 50000)', parsePositive)
  .option('--startup-grace-ms <number>', 'the same for one that has never told a status (default 60000)', parsePositive)
  .option('--second-ms <number>', 'how long one second of tolerationSeconds lasts (default 1000)', parsePositive)
  .option('--orphan-ms <number>', 'a pod whose Node has been gone for so long is removed (default 40000)', parsePositive);
program.parse();

const { kubeconfig, ...settings } = program.opts<Arguments>();
const kube = await kubeClient(kubeconfig);
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
const controller = runNodeLifecycle({ kube, ...settings, onError: (message) => say({ msg: 'not done', message }) });
const stop = () => {
  void controller.stop().then(() => kube.close());
};
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
say({ msg: 'controllers running' });

function parsePositive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('a number above 0');
}
