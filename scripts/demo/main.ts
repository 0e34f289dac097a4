/**
 * `npm run demo`: Hawser at work on one machine. API server, relay and two agents run as processes of their own and are
 * joined by real TLS over a link that can be cut.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { KubeObject } from '@hawser/protocol';
import { type NodeLifecycle, runNodeLifecycle } from '../../test/controllers/node-lifecycle.ts';
import { type Fleet, startFleet } from '../../test/support/fleet.ts';
import { kubeClient } from '../../test/support/kube.ts';
import { ROOT } from '../../test/support/processes.ts';
import { until } from '../../test/support/until.ts';
import { runControllers } from './controller-loop.ts';
import { loadManifests, ManifestError } from './manifests.ts';
import { tellStory } from './story.ts';

const HELP = `npm run demo -- [options]

Starts an API server, hawser-relay and two hawser-agents as processes of their own, applies manifests, and shows what
happens: devices joined with tokens, nodes Ready, pods Running, an edit arriving, questions of the device answered, a cut link, the device still serving and
answering, the link back and converged.
It then stays up until Ctrl-C, which leaves nothing behind.

  --manifests FILE…   Kubernetes manifests to apply (default: examples/shop.yaml)
  --kubeconfig FILE   use that cluster in place of the embedded API server; what the demo makes there it removes again,
                      what it finds there it leaves as it is
  --once              end after the story, exit 0 when all of it happened
  --json              print the result as one line of JSON, last on stdout
  --help              this text

Examples
  npm run demo
  npm run demo -- --manifests my-app.yaml my-daemonset.yaml
  npm run --silent demo -- --once --json
`;

interface Options {
  readonly manifests: readonly string[];
  readonly kubeconfig: string | undefined;
  readonly once: boolean;
  readonly json: boolean;
}

/** @returns undefined when help was asked for. @throws on unknown flags */
function readOptions(args: readonly string[]): Options | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      manifests: { type: 'string', multiple: true, default: [] },
      kubeconfig: { type: 'string' },
      once: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  if (positionals.length > 0 && values.manifests.length === 0) throw new Error(`unexpected ${positionals[0]}`);
  const files = [...values.manifests, ...positionals];
  return {
    manifests: files.length === 0 ? [join(ROOT, 'examples', 'shop.yaml')] : files,
    kubeconfig: values.kubeconfig,
    once: values.once,
    json: values.json,
  };
}

const AGENTS = ['edge-1', 'edge-2'];

const started = performance.now();
function say(line: string): void {
  process.stderr.write(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}\n`);
}

async function main(): Promise<number> {
  let options: Options | undefined;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${HELP}`);
    return 2;
  }
  if (options === undefined) {
    process.stdout.write(HELP);
    return 0;
  }

  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => interrupted.abort(new Error(`ended by ${signal}`)));

  // Whatever watches ends with the story, or earlier with Ctrl-C.
  const over = new AbortController();
  const signal = AbortSignal.any([interrupted.signal, over.signal]);

  const dir = mkdtempSync(join(tmpdir(), 'hawser-demo-'));
  let fleet: Fleet | undefined;
  let lifecycle: NodeLifecycle | undefined;
  const made: KubeObject[] = [];
  try {
    const manifests = loadManifests(options.manifests);
    if (options.kubeconfig !== undefined) await requireFreeNames(options.kubeconfig);
    say(`starting ${options.kubeconfig === undefined ? 'API server, ' : ''}relay and two agents`);
    fleet = await startFleet({
      dir,
      agents: AGENTS,
      // In a cluster of the user's the demo leaves no authority and no tokens behind.
      identities: options.kubeconfig === undefined ? 'joined' : 'files',
      onJoined: (node) => say(`${node} has joined with a token that an administrator made for it`),
      signal,
      ownGroups: true,
      ...(options.kubeconfig === undefined ? {} : { kubeconfig: options.kubeconfig }),
      onProcess(process) {
        say(`${process.name} runs as process ${process.pid}`);
        void process.exited.then(({ code, signal: by }) => {
          if (!signal.aborted) say(`${process.name} has ended by itself (${by ?? `code ${code}`})`);
        });
      },
    });
    if (fleet.embedded) {
      const told = new Set<string>();
      const onError = (message: string) => {
        if (!told.has(message) && !signal.aborted) say(`controllers: ${message}`);
        told.add(message);
      };
      runControllers(fleet.kube, signal, onError);
      lifecycle = runNodeLifecycle({ kube: fleet.kube, onError });
    }
    const result = await tellStory(fleet, { manifests, say, signal, onMade: (object) => made.push(object) });
    if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    if (!options.once) {
      process.stderr.write(nextSteps(fleet));
      await new Promise((resolve) => interrupted.signal.addEventListener('abort', resolve));
    }
    return result.ok ? 0 : 1;
  } catch (error) {
    if (interrupted.signal.aborted) {
      say('interrupted');
      return 130;
    }
    say(`failed: ${error instanceof Error ? error.message : error}`);
    if (options.json)
      process.stdout.write(`${JSON.stringify({ ok: false, error: error instanceof Error ? error.message : String(error) })}\n`);
    return error instanceof ManifestError ? 2 : 1;
  } finally {
    over.abort();
    await lifecycle?.stop();
    try {
      if (fleet !== undefined && !fleet.embedded) await cleanUp(fleet, made);
      await fleet?.stop();
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
    say('all processes have ended, nothing is left behind');
  }
}

/** @throws where the user's cluster has Nodes of the devices' names: the demo would take them over, and remove them at its end */
async function requireFreeNames(kubeconfig: string): Promise<void> {
  const kube = await kubeClient(kubeconfig).catch((cause: unknown) => {
    throw new Error(`cannot use the kubeconfig ${kubeconfig}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  });
  try {
    say(`using the cluster at ${kube.server}`);
    for (const name of AGENTS) {
      if ((await kube.get('nodes', '', name)) === undefined) continue;
      throw new Error(`the cluster has a Node ${name}, a name that the demo needs; if an earlier demo left it there, delete it`);
    }
  } finally {
    kube.close();
  }
}

/** Takes everything out of the user's cluster again that the demo put there, the devices' Nodes included. */
async function cleanUp(fleet: Fleet, made: readonly KubeObject[]): Promise<void> {
  say('removing what the demo made in the cluster');
  await removePods(fleet, made);
  // An agent that runs registers its Node anew.
  for (const agent of fleet.agents) await agent.process().stop();
  const nodes = fleet.agents.map(({ name }): KubeObject => ({ apiVersion: 'v1', kind: 'Node', metadata: { name } }));
  for (const object of [...nodes, ...made].toReversed()) {
    await fleet.removeObject(object).catch((error: unknown) => {
      say(`${object.kind} ${object.metadata.name} is still there: ${error instanceof Error ? error.message : error}`);
    });
  }
}

/** How long devices may take to end their pods. */
const PODS_GONE_MS = 60_000;

/** What makes pods and the pods themselves, while there are still devices to confirm that they have ended. */
async function removePods(fleet: Fleet, made: readonly KubeObject[]): Promise<void> {
  const workloads = made.filter(({ kind }) => ['Deployment', 'DaemonSet', 'ReplicaSet', 'Pod'].includes(kind));
  const names = fleet.agents.map(({ name }) => name);
  try {
    for (const workload of workloads) await fleet.removeObject(workload);
    await until('pods of the demo gone', PODS_GONE_MS, undefined, async () => {
      const pods = (await fleet.kube.list('pods')).filter(({ spec }) =>
        names.includes(String((spec as { nodeName?: string }).nodeName)),
      );
      return pods.every(({ metadata }) => !made.some((object) => object.kind === 'Pod' && object.metadata.uid === metadata.uid));
    });
  } catch (error) {
    say(`pods may be left in the cluster: ${error instanceof Error ? error.message : error}`);
  }
}

function nextSteps(fleet: Fleet): string {
  const [first] = fleet.agents;
  if (first === undefined) return '';
  return `
The demo stays up. In another terminal, in this folder:

  the cluster     kubectl --kubeconfig ${fleet.kubeconfig} get nodes,pods -A -o wide
  a device        kubectl --kubeconfig ${first.localKubeconfig} get pods -A
                  (umask 077; npx hawser-agent kubeconfig --write --data-dir ${first.dataDir} > device.kubeconfig)   # to write too
  its store       npx hawser-agent get pods -A --data-dir ${first.dataDir}
                  npx hawser-agent status --data-dir ${first.dataDir}
  a question      npx hawser-agent query pv hawser-demo-note --live --data-dir ${first.dataDir}
  an edit         kubectl --kubeconfig ${fleet.kubeconfig} edit configmap hawser-demo-note
                  npx hawser-agent get configmaps hawser-demo-note -o yaml --data-dir ${first.dataDir}
  logs            ls ${fleet.dir}/*.log
${
  fleet.embedded
    ? `  devices         npx hawser-relay devices --kubeconfig ${fleet.kubeconfig}
  cut one off     npx hawser-relay revoke ${first.node} --kubeconfig ${fleet.kubeconfig}
                  npx hawser-relay unrevoke ${first.node} --kubeconfig ${fleet.kubeconfig}
  a third device  npx hawser-relay token create --kubeconfig ${fleet.kubeconfig} \\
                    --node-name edge-3 --relay wss://127.0.0.1:${fleet.relays[0]?.linkPort}

The API server is made for tests: it takes what kubectl create, apply, edit, patch, scale and delete send. Its controllers make
pods, bind them, and evict those of nodes that are lost; they do no scaling, roll-outs, status or Events.
`
    : ''
}
Ctrl-C ends everything.
`;
}

process.exitCode = await main();
