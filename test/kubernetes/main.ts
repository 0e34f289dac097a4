/** A real cluster for tests, in the place of the embedded API server: the same files in its folder, the same line when it is ready. */
import { Command } from 'commander';
import { type RealCluster, startRealCluster } from './cluster.ts';
import { withoutPrograms } from './which.ts';

interface Arguments {
  readonly dir: string;
  readonly port: string;
  readonly bare: boolean;
  readonly graceSeconds: string;
  readonly tolerationSeconds: string;
}

const program = new Command('real-cluster')
  .description('etcd, kube-apiserver and kube-controller-manager on loopback, with the rights of deploy/manifests for the relay.')
  .requiredOption('--dir <folder>', 'keys, kubeconfigs, logs and etcd go there; those of an earlier run are used again')
  .option('--port <number>', 'port on 127.0.0.1; 0 takes a free one', '0')
  .option('--grace-seconds <number>', 'after which a Node without a sign of life is lost', '40')
  .option('--toleration-seconds <number>', 'for which pods that say nothing of it stay on such a Node', '300')
  .option('--bare', "without the relay's namespace and rights, which are then for you to apply", false);
program.parse();
await run(program.opts<Arguments>());

async function run({ dir, port, bare, graceSeconds, tolerationSeconds }: Arguments): Promise<void> {
  const missing = withoutPrograms();
  if (missing !== false) return fail(missing);
  if (!/^\d{1,5}$/.test(port)) return fail(`a port is a whole number, not ${port}`);
  const seconds = { '--grace-seconds': graceSeconds, '--toleration-seconds': tolerationSeconds };
  for (const [flag, value] of Object.entries(seconds)) {
    if (!/^\d{1,5}$/.test(value)) return fail(`${flag} is a whole number, not ${value}`);
  }
  let cluster: RealCluster;
  try {
    cluster = await startRealCluster({
      dir,
      port: Number(port),
      bare,
      graceSeconds: Number(graceSeconds),
      tolerationSeconds: Number(tolerationSeconds),
    });
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
  const stop = () => void cluster.stop().catch((error: unknown) => fail(String(error)));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  void cluster.broken.then((why) => {
    fail(why);
    stop();
  });
  process.stdout.write(`${JSON.stringify({ url: cluster.url, kubeconfig: cluster.kubeconfig })}\n`);
}

function fail(why: string): void {
  process.stderr.write(`real-cluster: ${why}\n`);
  process.exitCode = 1;
}
