import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { keySourceOf, type ReadonlyStore, readingSealOf, readStore } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { resourceByKind } from '@hawser/protocol';
import { type RelayRights, RIGHTS_PATH } from '../apiserver/relay-rights.ts';
import { ASKED_AS_PROBE, deniedByAudit } from '../kubernetes/audit.ts';
import { FILES as CLUSTER_FILES } from '../kubernetes/programs.ts';
import { type ClusterKind, clusterKind } from '../kubernetes/which.ts';
import { type LinkProxy, startLinkProxy } from '../net/proxy.ts';
import { freePort } from './free-port.ts';
import { type KubeClient, kubeClient } from './kube.ts';
import { linesOfPem, neverSay } from './output-check.ts';
import { type CertificateAuthority, createAuthority, issueNodeCertificate, writePair, writePem } from './pki.ts';
import { type LogLine, type ProcessOptions, type RunningProcess, runCommand, startProcess } from './processes.ts';
import { until } from './until.ts';

export interface FleetOptions {
  /** Everything is written below: keys, kubeconfigs, stores, logs. It must exist; whoever made it removes it. */
  readonly dir: string;
  /** Names of the devices' Nodes; in full where two devices have one name or one begins at another relay. */
  readonly agents: readonly (string | FleetDevice)[];
  /** Replicas of the relay, named `relay-1` and so on. Default 1. */
  readonly relays?: number;
  /** What is started as the cluster. Default: what HAWSER_TEST_CLUSTER says, and otherwise the embedded API server. */
  readonly cluster?: ClusterKind;
  /** A cluster to use in place of the embedded API server. */
  readonly kubeconfig?: string;
  /** Added to each direction of each link. Default 0. */
  readonly delayMs?: number;
  /** Answer to the fault endpoint of the embedded API server. Default false. */
  readonly faults?: boolean;
  /** Count the requests to the embedded API server: see test/apiserver/request-counts.ts. Default false. */
  readonly counts?: boolean;
  /** As a cluster before Kubernetes 1.36: without constrained impersonation. Default false. */
  readonly olderImpersonation?: boolean;
  /** Rights that the relay asks for here and is not to have, as `create coordination.k8s.io/leases`. Default none. */
  readonly withoutRights?: readonly string[];
  /** Keep the API server's objects over a restart. Default false. */
  readonly keepData?: boolean;
  /**
   * How relay and devices come to their certificates. `files`: an authority of this process makes them all. `joined`: the relay makes its
   * own, and each device joins by the line that `hawser-relay token create` prints. Default files.
   */
  readonly identities?: 'files' | 'joined';
  /** The relay's program. Default: its source; a bundle loads less. */
  readonly relayMain?: Main;
  /** The agents' program. Default: its source. */
  readonly agentMain?: Main;
  /** How long a process may take until it is ready, in milliseconds. Default 60 s. */
  readonly startTimeoutMs?: number;
  /** Whether the agents are started with the rest. Default true. */
  readonly startAgents?: boolean;
  /** More settings of the relay, by flag: `{ '--label-nodes': 'false' }`. */
  readonly relayFlags?: Readonly<Record<string, string>>;
  /** More settings of every agent, by flag. */
  readonly agentFlags?: Readonly<Record<string, string>>;
  /** For Node itself, before the program of relay and agents: `--cpu-prof`. */
  readonly nodeFlags?: readonly string[];
  /** The same for the embedded API server. */
  readonly apiServerFlags?: readonly string[];
  /** For the program of the real cluster: `--grace-seconds 8`. */
  readonly realClusterFlags?: readonly string[];
  /** Each process in a group of its own, so that Ctrl-C does not end them in an order of its own before `stop` does. Default false. */
  readonly ownGroups?: boolean;
  readonly signal?: AbortSignal;
  readonly onJoined?: (node: string) => void;
  readonly onProcess?: (process: RunningProcess) => void;
}

/** What the project's Node is started with; or an executable, and the words before it that run it on this machine. */
export type Main = string | { readonly executable: string; readonly before: readonly string[] };

export interface FleetDevice {
  readonly node: string;
  /** Of its folder and log. Default: that of the node. */
  readonly name?: string;
  /** The relay that it links to, counted from 0. Default 0. */
  readonly relay?: number;
}

/** One replica of the relay. */
export interface FleetRelay {
  /** Under this name it takes Leases, and `logOf` finds its log. */
  readonly name: string;
  readonly linkPort: number;
  readonly adminPort: number;
  process(): RunningProcess;
  /** Starts it again on its ports. Resolves when it listens. */
  start(): Promise<void>;
  /** What /readyz says. */
  readiness(): Promise<{ readonly status: number; readonly text: string }>;
  metrics(): Promise<string>;
}

/** One API server, one relay or more, and some agents, each a process of its own, joined as in the field: TLS, WebSocket, files. */
export interface Fleet {
  readonly dir: string;
  readonly embedded: boolean;
  /** For kubectl: an administrator of the cluster. */
  readonly kubeconfig: string;
  readonly kube: KubeClient;
  readonly agents: readonly FleetAgent[];
  readonly relays: readonly FleetRelay[];
  /** Signs the devices' certificates, unless they join. */
  readonly authority: CertificateAuthority;
  /** The first of them; also `startRelay` and `relayMetrics`. */
  relay(): RunningProcess;
  apiServer(): RunningProcess | undefined;
  /** One more relay of the same cluster, which no agent dials before its link's proxy is pointed there. Resolves when it listens. */
  addRelay(name: string): Promise<FleetRelay>;
  /** What /readyz says. */
  relayReadiness(): Promise<{ readonly status: number; readonly text: string }>;
  /** Starts the relay again, after `relay().kill()` or `stop()`. Resolves when it listens. */
  startRelay(): Promise<void>;
  /** Starts the embedded API server again on its port, with the objects it wrote when it was stopped (`keepData`). */
  startApiServer(): Promise<void>;
  /** A command for the fault endpoint. */
  fault(command: object): Promise<void>;
  /** Requests and answers that faults hold now. */
  held(): Promise<{ readonly requests: number; readonly answers: number }>;
  relayMetrics(): Promise<string>;
  removeObject(object: KubeObject): Promise<void>;
  /** Ends every process, by its id, and closes every socket. */
  stop(): Promise<void>;
}

export interface FleetAgent {
  /** Of its folder and log; of its Node too, unless it was given another. */
  readonly name: string;
  readonly node: string;
  /** The link's proxy: cut it, freeze it, count its bytes. */
  readonly link: LinkProxy;
  readonly dataDir: string;
  /** kubeconfig of the device's own API. */
  readonly localKubeconfig: string;
  /** The device's own API; `get` gives what the device holds. It is on another port after a restart: take it anew. */
  readonly local: KubeClient;
  process(): RunningProcess;
  /** Starts the agent and waits for nothing; `flags` in place of, or beside, those of the fleet. */
  launch(flags?: Readonly<Record<string, string>>): RunningProcess;
  /** Starts the agent again, after `process().kill()` or `stop()`; `flags` as of `launch`. Resolves when its API listens. */
  start(flags?: Readonly<Record<string, string>>): Promise<void>;
  /** Runs `hawser-agent` with these arguments on this device's data folder. */
  command(...args: string[]): ReturnType<typeof runCommand>;
  /** What `hawser-agent status -o json` says. */
  status(): Promise<Record<string, unknown>>;
  /** The store, read from outside as the commands read it, beside a running agent or without one. Close it. */
  store(): ReadonlyStore;
  /** What /metrics says; needs the flag `--ops-port`. */
  metrics(): Promise<string>;
  /** Objects of the cloud in the store. */
  objectsHeld(): Promise<number>;
}

const RELAY_MAIN = 'cloud/src/main.ts';
const AGENT_MAIN_SOURCE = 'edge/src/main.ts';
const APISERVER_MAIN = 'test/apiserver/main.ts';
const REAL_CLUSTER_MAIN = 'test/kubernetes/main.ts';
/** etcd, a kube-apiserver and its controllers one after the other, in milliseconds. */
const REAL_CLUSTER_TIMEOUT_MS = 300_000;
const DEFAULT_START_TIMEOUT_MS = 60_000;

export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const ending: (() => Promise<unknown> | unknown)[] = [];
  let stopped = Promise.resolve();
  // Whoever asks twice waits for the end of the first time too.
  const stop = () => {
    stopped = stopped.then(async () => {
      for (const end of ending.splice(0).toReversed()) await end();
    });
    return stopped;
  };
  try {
    return await assemble(options, ending, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function assemble(options: FleetOptions, ending: (() => unknown)[], stop: () => Promise<void>): Promise<Fleet> {
  const { dir, startTimeoutMs = DEFAULT_START_TIMEOUT_MS } = options;
  const launch = (name: string, words: ProgramWords, logName: string) => {
    options.signal?.throwIfAborted();
    const started = startProcess({ name, ...words, logFile: join(dir, `${logName}.log`), ownGroup: options.ownGroups ?? false });
    ending.push(() => started.stop());
    options.onProcess?.(started);
    void started.exited.then(() => ended.add(started));
    return started;
  };

  const ended = new Set<RunningProcess>();
  let apiServer: RunningProcess | undefined;
  // Of ports that the kernel gives to nobody: it comes back to it after a restart.
  const apiPort = String(await freePort());
  const isReal = (options.cluster ?? clusterKind()) === 'real';
  const startRealCluster = async () => {
    const args = [REAL_CLUSTER_MAIN, '--dir', join(dir, 'apiserver'), '--port', apiPort, ...(options.realClusterFlags ?? [])];
    apiServer = launch('cluster', { args }, 'apiserver');
    await apiServer.line('its address', (line) => typeof line.url === 'string', REAL_CLUSTER_TIMEOUT_MS);
  };
  const startEmbedded = async () => {
    const args = [...(options.apiServerFlags ?? []), APISERVER_MAIN, '--dir', join(dir, 'apiserver'), '--port', apiPort];
    if (options.faults === true) args.push('--faults');
    if (options.counts === true) args.push('--counts');
    if (options.olderImpersonation === true) args.push('--older-impersonation');
    if (options.keepData === true) args.push('--data', join(dir, 'objects.json'));
    apiServer = launch('API server', { args }, 'apiserver');
    await apiServer.line('its address', (line) => typeof line.url === 'string', startTimeoutMs);
  };
  const startApiServer = isReal ? startRealCluster : startEmbedded;
  if (options.kubeconfig === undefined) await startApiServer();
  const kubeconfig = options.kubeconfig ?? join(dir, 'apiserver', 'kubeconfig');
  const relayKubeconfig = options.kubeconfig ?? join(dir, 'apiserver', 'relay.kubeconfig');
  for (const path of [kubeconfig, relayKubeconfig]) neverSay(...secretsOfKubeconfig(await readFile(path, 'utf8')));
  const kube = await kubeClient(kubeconfig);
  ending.push(() => kube.close());

  const isUp = () => apiServer !== undefined && !ended.has(apiServer);
  let isChecked = false;
  const end = async () => {
    const isDue = isUp() && !isChecked;
    isChecked = true;
    let denied: readonly string[] = [];
    try {
      if (isDue) denied = isReal ? await deniedByReal(dir, options) : await deniedRights(kube, options);
    } finally {
      await stop();
    }
    if (denied.length > 0) throw new Error(`deploy/manifests does not give the relay what it asked for: ${denied.join(', ')}`);
  };

  const authority = await createAuthority('hawser-demo');
  const pki = join(dir, 'pki');
  const caFile = await writePem(pki, 'ca.crt', authority.certificatePem);
  const relayCertificate = await authority.issueServer({ commonName: 'hawser-relay' });
  const relayPair = await writePair(pki, 'relay', relayCertificate);
  neverSay(...linesOfPem(authority.keyPem), ...linesOfPem(relayCertificate.keyPem));

  const isJoined = options.identities === 'joined';
  const relayTls = isJoined
    ? ['--link-names', '127.0.0.1']
    : ['--tls-cert', relayPair.certificateFile, '--tls-key', relayPair.keyFile, '--tls-client-ca', caFile];
  const nodeFlags = options.nodeFlags ?? [];
  const relayArgs = (name: string, ports: { link: number; ops: number; admin: number }) => [
    'run',
    '--kubeconfig',
    relayKubeconfig,
    ...['--link-address', '127.0.0.1', '--link-port', String(ports.link)],
    ...['--ops-address', '127.0.0.1', '--ops-port', String(ports.ops)],
    ...relayTls,
    ...(name === 'relay' ? [] : ['--replica-name', name]),
    ...Object.entries(options.relayFlags ?? {}).flat(),
  ];
  const relayOf = (name: string): FleetRelay => {
    let relay: RunningProcess | undefined;
    let ports: { readonly link: number; readonly ops: number; readonly admin: number } | undefined;
    return {
      name,
      get linkPort() {
        return ports?.link ?? 0;
      },
      get adminPort() {
        return ports?.admin ?? 0;
      },
      process: () => {
        if (relay === undefined) throw new Error(`${name} has not been started`);
        return relay;
      },
      async start() {
        // The same after a restart, as devices, proxies and tests know them.
        ports ??= { link: await freePort(), ops: await freePort(), admin: await freePort() };
        const words = wordsOf(options.relayMain ?? RELAY_MAIN, relayArgs(name, ports), nodeFlags);
        // A flag that an older relay does not know ends it; a variable is only told of.
        const env = { HAWSER_ADMIN_ADDRESS: '127.0.0.1', HAWSER_ADMIN_PORT: String(ports.admin) };
        relay = launch(name, { ...words, env }, name);
        await relay.line('its ports', ({ msg }) => msg === 'relay listening', startTimeoutMs);
      },
      async readiness() {
        const answer = await fetch(`http://127.0.0.1:${ports?.ops}/readyz`);
        return { status: answer.status, text: await answer.text() };
      },
      metrics: async () => (await fetch(`http://127.0.0.1:${ports?.ops}/metrics`)).text(),
    };
  };
  const relays =
    options.relays === undefined
      ? [relayOf('relay')]
      : Array.from({ length: options.relays }, (_, i) => relayOf(`relay-${i + 1}`));
  const relayAt = (index: number) => {
    const relay = relays[index];
    if (relay === undefined) throw new Error(`the fleet has no relay ${index}`);
    return relay;
  };
  for (const relay of relays) await relay.start();
  if (isJoined) {
    await until('the authority is published', startTimeoutMs, undefined, () =>
      kube.get('configmaps', 'hawser-system', 'hawser-ca'),
    );
  }

  const filesOf = async ({ name, node, link }: { readonly name: string; readonly node: string; readonly link: LinkProxy }) => {
    const certificate = await issueNodeCertificate(authority, node);
    neverSay(...linesOfPem(certificate.keyPem));
    const pair = await writePair(pki, name, certificate);
    return [
      ...['--relay-urls', `wss://127.0.0.1:${link.port}`],
      ...['--tls-cert', pair.certificateFile, '--tls-key', pair.keyFile, '--tls-ca', caFile],
    ];
  };
  /** As an administrator and somebody at the device do it: one makes the line, the other runs it. */
  const joinAs = async ({ node, link, command }: FleetAgent) => {
    const relay = options.relayMain ?? RELAY_MAIN;
    const flags = ['--kubeconfig', kubeconfig, '--node-name', node, '--single-use', '--relay', `wss://127.0.0.1:${link.port}`];
    const token = await runCommand({
      name: 'hawser-relay token',
      ...wordsOf(relay, ['token', 'create', ...flags]),
      showsSecrets: true,
    });
    if (token.code !== 0) throw new Error(`hawser-relay token create ended with ${token.code}: ${token.stderr}`);
    const [, ...words] = token.stdout.trim().split(/\s+/);
    neverSay(secretOfToken(words[words.indexOf('--token') + 1]));
    const joined = await command(...words);
    if (joined.code !== 0) throw new Error(`hawser-agent join ended with ${joined.code}: ${joined.stderr}`);
    options.onJoined?.(node);
  };

  const agents: FleetAgent[] = [];
  for (const given of options.agents) {
    const device: FleetDevice = typeof given === 'string' ? { node: given } : given;
    const { node, name = node } = device;
    const link = await startLinkProxy({ targetPort: relayAt(device.relay ?? 0).linkPort, delayMs: options.delayMs ?? 0 });
    ending.push(() => link.close());
    const main = options.agentMain ?? AGENT_MAIN_SOURCE;
    const flags = options.agentFlags ?? {};
    const identity = isJoined ? [] : await filesOf({ name, node, link });
    const agent = deviceOf({ name, node, dir, main, nodeFlags, link, identity, flags, launch, ending, startTimeoutMs });
    if (isJoined) await joinAs(agent);
    if (options.startAgents ?? true) await agent.start();
    agents.push(agent);
  }

  return {
    dir,
    embedded: options.kubeconfig === undefined,
    kubeconfig,
    kube,
    agents,
    relays,
    authority,
    relay: () => relayAt(0).process(),
    apiServer: () => apiServer,
    startRelay: () => relayAt(0).start(),
    async addRelay(name) {
      const relay = relayOf(name);
      await relay.start();
      return relay;
    },
    relayReadiness: () => relayAt(0).readiness(),
    startApiServer,
    async fault(command) {
      if (isReal) throw new Error('a real cluster has no faults: the test has to skip there');
      const { status, body } = await kube.raw('POST', '/-/faults', command);
      if (status >= 300) throw new Error(`fault refused: ${status} ${body}`);
    },
    async held() {
      const { status, body } = await kube.raw('GET', '/-/faults');
      if (status !== 200) throw new Error(`the API server does not tell what it holds: ${status}`);
      return body as { requests: number; answers: number };
    },
    relayMetrics: () => relayAt(0).metrics(),
    async removeObject(object) {
      const resource = resourceByKind(object.apiVersion, object.kind);
      if (resource === undefined) return;
      await kube.remove(
        resource.id,
        resource.namespaced ? (object.metadata.namespace ?? 'default') : '',
        object.metadata.name ?? '',
      );
    },
    stop: end,
  };
}

/** That the newer form is not granted is how the relay knows that it needs the older. */
const PROBE_OF_NEWER_FORM = 'create authentication.k8s.io/selfsubjectreviews as system:node:hawser-probe';

async function deniedRights(kube: KubeClient, { olderImpersonation, withoutRights = [] }: FleetOptions): Promise<string[]> {
  const { status, body } = await kube.raw('GET', RIGHTS_PATH);
  if (status !== 200) throw new Error(`GET ${RIGHTS_PATH}: ${status} ${body}`);
  const { denied } = body as RelayRights;
  const expected = olderImpersonation === true ? [...withoutRights, PROBE_OF_NEWER_FORM] : withoutRights;
  return denied.filter((right) => !expected.includes(right));
}

async function deniedByReal(dir: string, { withoutRights = [] }: FleetOptions): Promise<string[]> {
  const log = await readFile(join(dir, 'apiserver', CLUSTER_FILES.auditLog), 'utf8');
  const expected = [...withoutRights, ASKED_AS_PROBE];
  return deniedByAudit(log).filter((right) => !expected.includes(right));
}

interface Device {
  readonly name: string;
  readonly node: string;
  readonly dir: string;
  readonly main: Main;
  readonly nodeFlags: readonly string[];
  readonly link: LinkProxy;
  /** Settings that name its certificate, its key, and whom it links to; none where it has joined. */
  readonly identity: readonly string[];
  readonly flags: Readonly<Record<string, string>>;
  readonly launch: (name: string, words: ProgramWords, logName: string) => RunningProcess;
  readonly startTimeoutMs: number;
  readonly ending: (() => unknown)[];
}

type ProgramWords = Pick<ProcessOptions, 'args' | 'before' | 'node' | 'env'>;

/** Node's own flags are for Node only: an executable takes none. */
function wordsOf(main: Main, args: readonly string[], nodeFlags: readonly string[] = []): ProgramWords {
  if (typeof main === 'string') return { args: [...nodeFlags, main, ...args] };
  return { before: main.before, node: main.executable, args };
}

/** What the agent has made itself, or the join has brought. */
async function forbidSecretsOf(dataDir: string): Promise<void> {
  const read = (name: string) => readFile(join(dataDir, name)).catch(() => Buffer.alloc(0));
  const key = await read('store.key');
  if (key.length > 0) neverSay(key.toString('hex'), key.toString('base64'));
  const token = (await read('api.token')).toString().trim();
  if (token !== '') neverSay(token);
  for (const name of ['api.key', 'identity/device.pem']) neverSay(...keyLines((await read(name)).toString()));
}

/** `ID.SECRET`: the first part is no secret, and stands in logs. */
function secretOfToken(token = ''): string {
  return token.replace(/^.*\./, '');
}

/** Certificates stand beside keys in one file, and are no secret. */
function keyLines(pem: string): string[] {
  return [...pem.matchAll(/-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*-----END/g)].flatMap(([text]) => linesOfPem(text));
}

/** Tokens and keys in a kubeconfig, of whatever kind. */
function secretsOfKubeconfig(text: string): string[] {
  return [...text.matchAll(/(?:token|password|client-key-data): *"?([^"\s]{16,})"?/g)].flatMap(([, value]) => value ?? []);
}

function deviceOf(device: Device): FleetAgent {
  const dataDir = join(device.dir, device.name);
  const localKubeconfig = join(device.dir, `${device.name}.kubeconfig`);
  let process: RunningProcess | undefined;
  let local: KubeClient | undefined;
  const settings = (flags: Device['flags']) => [
    ...['--data-dir', dataDir],
    ...device.identity,
    ...['--api-port', '0'],
    ...Object.entries({ ...device.flags, ...flags }).flat(),
  ];
  const command: FleetAgent['command'] = (...args) =>
    runCommand({
      name: `hawser-agent ${args[0]}`,
      ...wordsOf(device.main, [...args, '--data-dir', dataDir]),
      showsSecrets: args[0] === 'kubeconfig' || args.includes('--show-secrets'),
    });
  /** Asked of the command once; after a restart only the port is another. */
  const kubeconfigOf = async (url: string) => {
    if (local !== undefined) return (await readFile(localKubeconfig, 'utf8')).replaceAll(local.server, url);
    const { code, stdout, stderr } = await command('kubeconfig', '--write');
    if (code !== 0) throw new Error(`hawser-agent kubeconfig ended with ${code}: ${stderr}`);
    return stdout;
  };
  const isStarted = ({ msg }: LogLine) => msg === 'agent started';
  const agent: FleetAgent = {
    name: device.name,
    node: device.node,
    link: device.link,
    dataDir,
    localKubeconfig,
    get local() {
      if (local === undefined) throw new Error(`${device.name} has not been started`);
      return local;
    },
    process: () => {
      if (process === undefined) throw new Error(`${device.name} has not been started`);
      return process;
    },
    launch(flags = {}) {
      const words = wordsOf(device.main, ['run', ...settings(flags)], device.nodeFlags);
      process = device.launch(`agent ${device.name}`, words, device.name);
      return process;
    },
    async start(flags = {}) {
      const started = agent.launch(flags);
      const { localApi } = await started.line('its start', isStarted, device.startTimeoutMs);
      await forbidSecretsOf(dataDir);
      await writeFile(localKubeconfig, await kubeconfigOf(String(localApi)), { mode: 0o600 });
      local?.close();
      local = asHeld(await kubeClient(localKubeconfig));
      device.ending.push(() => local?.close());
    },
    command,
    async status() {
      const { code, stdout, stderr } = await command('status', '-o', 'json');
      if (code !== 0) throw new Error(`hawser-agent status ended with ${code}: ${stderr}`);
      return JSON.parse(stdout) as Record<string, unknown>;
    },
    store: () => readStore(join(dataDir, 'agent.db'), readingSealOf(keySourceOf(undefined, dataDir, undefined))),
    async metrics() {
      const { opsPort } = await agent.process().line('its start', isStarted);
      return (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text();
    },
    async objectsHeld() {
      const { objects } = await agent.status();
      return Number(objects);
    },
  };
  return agent;
}

/** The device's API by what the device holds: a get of anything else would be asked of the cloud. */
function asHeld(client: KubeClient): KubeClient {
  return {
    ...client,
    get: async (id, namespace, name) => (await client.list(id, namespace, `fieldSelector=metadata.name%3D${name}`))[0],
  };
}

/** Waits until the device's API shows the object in a state that `matches` accepts. */
export function atDevice(
  agent: FleetAgent,
  resource: string,
  namespace: string,
  name: string,
  matches: (object: KubeObject) => boolean = () => true,
  timeoutMs = 60_000,
): Promise<KubeObject> {
  return until(`${resource}/${namespace}/${name} at ${agent.name}`, timeoutMs, undefined, async () => {
    const object = await agent.local.get(resource, namespace, name);
    return object !== undefined && matches(object) ? object : undefined;
  });
}

/** The whole log of one of the fleet's processes, for what must or must not be in it. */
export function logOf(fleet: Fleet, name: string): Promise<string> {
  return readFile(join(fleet.dir, `${name}.log`), 'utf8');
}
