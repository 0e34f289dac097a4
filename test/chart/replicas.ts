import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { SETTINGS } from '@hawser/cloud';
import type { JsonObject, KubeObject } from '@hawser/protocol';
import { environmentName } from '@hawser/settings';
import { confined } from '../support/confined.ts';
import type { KubeClient } from '../support/kube.ts';
import { neverSay } from '../support/output-check.ts';
import { type RunningProcess, runCommand, startProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { type Container, type ContainerSecurity, runtime, startContainer } from './containers.ts';
import { freshAddress } from './service.ts';

const PROGRAM = '/mnt/relay';
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** A probe answers at once or not at all. In milliseconds. */
const PROBE_TIMEOUT_MS = 5_000;

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface ContainerSpec {
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
  }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly startupProbe: Probe;
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly securityContext: ContainerSecurity;
}

interface PodSpec {
  readonly serviceAccountName: string;
  readonly securityContext: { readonly runAsUser: number; readonly runAsGroup: number };
  readonly containers: readonly [ContainerSpec];
  readonly volumes: readonly { readonly name: string; readonly configMap?: { readonly name: string } }[];
}

interface DeploymentSpec {
  readonly replicas: number;
  readonly template: { readonly metadata: KubeObject['metadata']; readonly spec: PodSpec & JsonObject };
}

/** A pod of the Deployment that runs. */
export interface Replica {
  readonly name: string;
  /** What a pod's network is to it: an address of loopback, with all its ports. */
  readonly address: string;
  readonly process: RunningProcess;
  /** To the relay itself, whatever it runs in. */
  signal(what: NodeJS.Signals): void;
  port(name: string): number;
  /** What a kubelet would ask, where the Deployment says: status and text. */
  probe(which: 'startupProbe' | 'readinessProbe' | 'livenessProbe'): Promise<{ readonly status: number; readonly text: string }>;
  ready(): Promise<void>;
  /** As `kubectl exec` runs the relay's program in the container: its user, files, variables and token. */
  exec(...args: string[]): ReturnType<typeof runCommand>;
  /** As when its pod is deleted: SIGTERM, and the pod goes. */
  stop(): Promise<void>;
}

export interface ReplicasOptions {
  readonly server: { readonly url: string };
  readonly kube: KubeClient;
  readonly namespace: string;
  /** The relay's executable. */
  readonly program: string;
  readonly folder: string;
}

/**
 * Does for a Deployment what controllers, scheduler and kubelet do: makes a pod of its template as it is now, and runs it.
 * @returns undefined where the kernel gives no namespace of mounts
 */
export async function startReplica(options: ReplicasOptions, name: string): Promise<Replica | undefined> {
  const { kube, namespace } = options;
  const { template } = await specOf(kube, namespace);
  const pod = await kube.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...template.metadata, name, namespace },
    spec: { ...template.spec, nodeName: 'worker-1' },
  });
  return runPod(options, pod);
}

/**
 * Runs a pod that is bound, as its kubelet would: with its args, variables, mounted files, user, and the token of its ServiceAccount. In place
 * of a network it has an address of loopback, and in place of its image the executable, unless `HAWSER_TEST_RUNTIME` names a runtime that
 * has the image.
 * @returns undefined where the kernel gives no namespace of mounts
 */
export async function runPod(options: ReplicasOptions, pod: KubeObject): Promise<Replica | undefined> {
  const { server, kube, namespace } = options;
  const { name = '' } = pod.metadata;
  const address = freshAddress();
  await kube.patch(
    'pods',
    namespace,
    name,
    { status: { phase: 'Running', podIP: address, podIPs: [{ ip: address }] } },
    'status',
  );
  const { securityContext, containers, volumes, serviceAccountName } = pod.spec as unknown as PodSpec;
  const [container] = containers;
  const folder = join(options.folder, name);
  const user = { user: securityContext.runAsUser, group: securityContext.runAsGroup };
  const files = [
    ...filesAt(folder, SERVICE_ACCOUNT, {
      token: await tokenOf(kube, namespace, serviceAccountName, pod),
      'ca.crt': await dataOf(kube, namespace, 'kube-root-ca.crt', 'ca.crt'),
      namespace,
    }),
    ...(await configurationFiles(kube, namespace, folder, container, volumes)),
  ];
  const program = { from: dirname(realpathSync(options.program)), at: PROGRAM };
  const before = confined({ ...user, program, files });
  if (before === undefined) return undefined;
  const { hostname, port } = new URL(server.url);
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': name,
    'status.podIP': address,
    'metadata.namespace': namespace,
  };
  const variables = container.env.map(({ name: variable, value, valueFrom }) => {
    const text = value ?? fields[valueFrom?.fieldRef.fieldPath ?? ''];
    if (text === undefined) throw new Error(`${variable} is of a field that this does not know`);
    return [variable, text];
  });
  const env = {
    ...Object.fromEntries(variables),
    ...ownAddresses(address),
    // Of the container alone, not of who starts the tests.
    ...{ HOME: '/', KUBECONFIG: '' },
    KUBERNETES_SERVICE_HOST: hostname,
    KUBERNETES_SERVICE_PORT: port,
  };
  const logFile = join(options.folder, `${name}.log`);
  const real = runtime();
  const words = { before, node: join(PROGRAM, basename(options.program)) };
  const { process, signal, execWords } =
    real === undefined
      ? asProcess({ ...words, name, args: container.args, env, logFile })
      : startContainer({ ...container, ...user, name, security: container.securityContext, files, env, logFile }, real);
  const portOf = (wanted: string) => {
    const found = container.ports.find((one) => one.name === wanted)?.containerPort;
    if (found === undefined) throw new Error(`the container has no port ${wanted}`);
    return found;
  };
  const replica: Replica = {
    name,
    address,
    process,
    signal,
    port: portOf,
    async probe(which) {
      const { path, port: named } = container[which].httpGet;
      const answer = await fetch(`http://${address}:${portOf(named)}${path}`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
      return { status: answer.status, text: await answer.text() };
    },
    async ready() {
      await process.line('its start', ({ msg }) => msg === 'relay listening');
      for (const which of ['startupProbe', 'livenessProbe', 'readinessProbe'] as const) {
        await until(`the ${which} of ${name}`, 60_000, undefined, async () => (await replica.probe(which)).status === 200);
      }
    },
    exec: (...args) => runCommand({ ...execWords, name: `hawser-relay ${args[0]} in ${name}`, args, env }),
    async stop() {
      await process.stop();
      await kube.remove('pods', namespace, name, 0);
    },
  };
  return replica;
}

function asProcess(
  options: Parameters<typeof startProcess>[0] & { readonly before: readonly string[]; readonly node: string },
): Container {
  const started = startProcess(options);
  return { process: started, signal: (what) => process.kill(started.pid, what), execWords: options };
}

/** The Deployment's spec as it is now. @throws where it is not there */
export async function specOf(kube: KubeClient, namespace: string): Promise<DeploymentSpec & JsonObject> {
  const deployment = await kube.get('apps/deployments', namespace, 'hawser-relay');
  if (deployment === undefined) throw new Error(`there is no Deployment hawser-relay in ${namespace}`);
  return deployment.spec as unknown as DeploymentSpec & JsonObject;
}

/** Every listener of the relay at this address in place of all of the machine's. */
function ownAddresses(address: string): Record<string, string> {
  return Object.fromEntries(
    SETTINGS.filter(({ path }) => path.endsWith('.address')).map(({ path }) => [environmentName(path), address]),
  );
}

/** As a kubelet asks for it: bound to the pod. */
async function tokenOf(kube: KubeClient, namespace: string, account: string, pod: KubeObject): Promise<string> {
  const { name, uid } = pod.metadata;
  const { status, body } = await kube.raw('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { audiences: [], boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid } },
  });
  if (status !== 201) throw new Error(`no token for ${account}: ${JSON.stringify(body)}`);
  const { token } = (body as { status: { token: string } }).status;
  neverSay(token);
  return token;
}

async function dataOf(kube: KubeClient, namespace: string, configMap: string, key: string): Promise<string> {
  const data = (await kube.get('configmaps', namespace, configMap))?.data as Record<string, string> | undefined;
  const text = data?.[key];
  if (text === undefined) throw new Error(`the ConfigMap ${configMap} has no ${key}`);
  return text;
}

/** The files of the ConfigMaps that the container mounts. */
async function configurationFiles(
  kube: KubeClient,
  namespace: string,
  folder: string,
  { volumeMounts }: ContainerSpec,
  volumes: PodSpec['volumes'],
) {
  const files = await Promise.all(
    volumeMounts.map(async ({ name, mountPath }) => {
      const configMap = volumes.find((one) => one.name === name)?.configMap?.name;
      if (configMap === undefined) return [];
      const data = (await kube.get('configmaps', namespace, configMap))?.data as Record<string, string>;
      return filesAt(folder, mountPath, data);
    }),
  );
  return files.flat();
}

function filesAt(folder: string, at: string, data: Readonly<Record<string, string>>) {
  mkdirSync(folder, { recursive: true });
  return Object.entries(data).map(([name, text]) => {
    const from = join(folder, `${at.replaceAll('/', '_')}_${name}`);
    writeFileSync(from, text, { mode: 0o600 });
    return { from, at: `${at}/${name}` };
  });
}
