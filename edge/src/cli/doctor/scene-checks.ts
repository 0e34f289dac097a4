import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { rootCertificates } from 'node:tls';
import { HawserError } from '@hawser/protocol';
import { CLOCK_FACTS } from '../../enroll/clock-watch.ts';
import { IDENTITY_FACTS } from '../../enroll/identity-facts.ts';
import { hostOf } from '../../link/index.ts';
import { AGENT_FACTS } from '../../ops/facts.ts';
import type { LiveAgent } from '../../ops/live-agent.ts';
import { storePath } from '../../ops/paths.ts';
import { spaceOf } from '../../ops/space.ts';
import { readStore } from '../../store/index.ts';
import { findKubelets, kubeletPaths, systemProcesses } from '../../workload/kubelet/index.ts';
import { judgeAgent } from './checks/agent.ts';
import { judgeApi } from './checks/api.ts';
import { judgeCertificate } from './checks/certificate.ts';
import { judgeClock } from './checks/clock.ts';
import { judgeDisk } from './checks/disk.ts';
import { judgeName } from './checks/dns.ts';
import { judgeKubelet } from './checks/kubelet.ts';
import { judgeLink, type Tried } from './checks/link.ts';
import { judgeMemory } from './checks/memory.ts';
import { judgeProxy } from './checks/proxy.ts';
import { judgeStore } from './checks/store.ts';
import { judgeTcp } from './checks/tcp.ts';
import { judgeTls } from './checks/tls.ts';
import { isSynchronized } from './probes/clock.ts';
import { syncIn } from './probes/disk.ts';
import { askHealthz, kubeletPlaces, lookAtRuntime } from './probes/kubelet.ts';
import { helloOf, sayHello } from './probes/link.ts';
import { askAsKubelet, askReady, isPortFree } from './probes/local-api.ts';
import { environmentOf, lookAtMemory } from './probes/memory.ts';
import { lookUp } from './probes/names.ts';
import { reach } from './probes/reach.ts';
import { lookAtStore } from './probes/store.ts';
import { askTime, showOf } from './probes/tls.ts';
import type { Scene } from './scene.ts';
import { type Check, type CheckName, type Finding, ok, unseen } from './types.ts';

type Look = (scene: Scene, signal: AbortSignal) => Promise<readonly Finding[]>;

/** In the order in which they are told: what explains a later one comes before it. */
const LOOKS: Readonly<Record<CheckName, Look>> = {
  settings: async ({ config }) => [ok(config === undefined ? 'no file: flags, variables and defaults' : `of ${config}`)],
  agent: async ({ agent }) => judgeAgent(agent),
  certificate: async ({ identity, facts, now, agent }) => {
    const { refused, nodeName, key, certificates, authorities, isRenewed } = identity;
    const renewal = facts[IDENTITY_FACTS.renewal] || null;
    const readable = nodeName !== undefined && key !== undefined;
    const found = readable ? { nodeName, key, certificates, authorities, isRenewed, renewal } : undefined;
    return judgeCertificate({ refused, identity: found, now: now(), isHidden: agent.hidden !== undefined });
  },
  dns: eachRelay(async (relay, { reached }, signal) => {
    const host = hostOf(new URL(relay));
    const proxy = (await reachOnce(relay, reached, signal)).proxy;
    const isAddress = isIP(host) !== 0;
    const found = isAddress || proxy !== undefined ? undefined : await lookUp(host, signal);
    return [judgeName({ host, isAddress, proxy, ...(found ?? { addresses: [], failure: undefined, tookMs: 0, servers: [] }) })];
  }),
  proxy: eachRelay(async (relay, { reached, agent }, signal) => {
    const { proxy, wrong, failure } = await reachOnce(relay, reached, signal);
    const told = failure?.kind === 'proxy' && wrong === undefined ? failure.detail : undefined;
    const variables = PROXY_VARIABLES.filter((name) => (process.env[name] ?? '') !== '');
    return judgeProxy({ relay, variables, proxy, wrong, failure: told, otherwise: otherwiseIn(liveOf(agent.live)) });
  }),
  tcp: eachRelay(async (relay, { reached }, signal) => {
    const { proxy, failure, address, tookMs } = await reachOnce(relay, reached, signal);
    return [judgeTcp({ relay, proxy, address, tookMs, failure })];
  }),
  tls: eachRelay(lookAtTls),
  clock: async ({ identity, facts, agent, shown, now }, signal) => {
    const began = [...identity.certificates, ...identity.authorities].map(({ validFromDate }) => validFromDate.getTime());
    const offsets = [...shown].flatMap(([relay, { offsetMs }]) => (offsetMs === undefined ? [] : [{ relay, offsetMs }]));
    const live = liveOf(agent.live);
    // Of relays that are not reached now the running agent may have heard.
    const heard =
      offsets.length === 0 && live?.clockOffsetMs != null
        ? [{ relay: live.link.relay ?? 'the relay', offsetMs: -live.clockOffsetMs }]
        : [];
    return judgeClock({
      nowMs: now().getTime(),
      verdict: (live?.clock ?? facts[CLOCK_FACTS.verdict]) || 'right',
      offsets: [...offsets, ...heard],
      certifiedMs: began.length === 0 ? undefined : Math.max(...began),
      isSynchronized: await isSynchronized(signal),
    });
  },
  link: async (scene, signal) => {
    const { agent } = scene;
    if (agent.hidden !== undefined)
      return [unseen('whether an agent runs is not known: dialling in its place would end its link')];
    const live = liveOf(agent.live);
    const isSilent = agent.running === true && live === undefined;
    const tried = agent.running === true ? undefined : await tryLink(scene, signal);
    return [judgeLink({ live, isSilent, tried: tried?.tried, clusterUid: tried?.clusterUid })];
  },
  disk: async ({ settings: { dataDir } }) => judgeDisk({ folder: dataDir, space: spaceOf(dataDir), ...syncIn(dataDir) }),
  store: async ({ settings, credentials, agent }) =>
    agent.hidden !== undefined
      ? [unseen('this user may not look into its folder')]
      : judgeStore(lookAtStore(settings.dataDir, settings.store.key, credentials)),
  api: async ({ settings, agent, facts, now }) => {
    if (agent.hidden !== undefined) return [unseen('whether an agent runs is not known')];
    const running = agent.running === true;
    const { address, port } = settings.api;
    const wanted = `https://${address.includes(':') ? `[${address}]` : address}:${port}`;
    const server = running ? facts[AGENT_FACTS.localApi] : port === 0 ? undefined : wanted;
    const nothing = { refused: undefined, certificate: undefined, answered: undefined };
    const asked = running && server !== undefined ? await askReady(settings.dataDir, server) : nothing;
    return [
      judgeApi({
        running,
        server,
        ...asked,
        isPortFree: running || port === 0 ? undefined : await isPortFree(address, port),
        now: now(),
      }),
    ];
  },
  kubelet: lookAtKubelet,
  memory: async ({ agent }) => judgeMemory(lookAtMemory(liveOf(agent.live)?.pid)),
};

/** All that the doctor looks at. */
export function checksOf(scene: Scene): readonly Check[] {
  return Object.entries(LOOKS).map(([name, look]) => ({
    name: name as CheckName,
    look: (signal) => look(scene, signal),
  }));
}

const PROXY_VARIABLES = ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy', 'NO_PROXY', 'no_proxy'];

/** Relays one after the other: there are few, and a network that is slow is not made slower. */
function eachRelay(look: (relay: string, scene: Scene, signal: AbortSignal) => Promise<readonly Finding[]>): Look {
  return async (scene, signal) => {
    const { relays } = scene.identity;
    if (relays.length === 0) return [unseen('no relay is known: this device has not joined, and relay.urls is not set')];
    const findings: Finding[] = [];
    for (const relay of relays) {
      if (signal.aborted) findings.push(unseen('there was no time left for it', null, relay));
      else findings.push(...(await look(relay, scene, signal)));
    }
    return findings;
  };
}

async function reachOnce(relay: string, reached: Scene['reached'], signal: AbortSignal) {
  const before = reached.get(relay);
  if (before !== undefined) return before;
  const found = await reach(relay, signal);
  reached.set(relay, found);
  return found;
}

const PUBLIC = new Set(rootCertificates.map((pem) => new X509Certificate(pem).fingerprint256));

async function lookAtTls(
  relay: string,
  { identity, reached, shown, now }: Scene,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { failure } = await reachOnce(relay, reached, signal);
  const isUnreachable = failure !== undefined;
  const host = hostOf(new URL(relay));
  const found = isUnreachable ? undefined : await showOf(relay, signal);
  const facts = {
    ...{ relay, host, isUnreachable, authorities: identity.authorities, now: now() },
    isPublic: (certificate: X509Certificate) => PUBLIC.has(certificate.fingerprint256) || isIssuedByPublic(certificate),
    ...{
      failure: found?.failure,
      protocol: found?.protocol,
      certificates: found?.certificates ?? [],
      tookMs: found?.tookMs ?? 0,
    },
  };
  const verdict = judgeTls(facts);
  if (found === undefined || identity.tls === undefined || (verdict.level !== 'ok' && verdict.level !== 'note')) return [verdict];
  const asked = await askTime(relay, identity.tls, signal);
  if ('kind' in asked) return [judgeTls({ ...facts, failure: asked })];
  shown.set(relay, { ...found, offsetMs: asked.offsetMs });
  return [verdict];
}

const PUBLIC_NAMES = new Set(rootCertificates.map((pem) => new X509Certificate(pem).subject));

/** Servers leave the root out: its name stands as the issuer of the last that they show. */
function isIssuedByPublic({ issuer }: X509Certificate): boolean {
  return PUBLIC_NAMES.has(issuer);
}

async function tryLink(
  { settings, identity, version }: Scene,
  signal: AbortSignal,
): Promise<{ tried: Tried; clusterUid: string | undefined }> {
  const not = (why: string) => ({ tried: { type: 'notTried' as const, why }, clusterUid: undefined });
  if (identity.tls === undefined) return not('there is no certificate to dial with: see "certificate" above');
  let hello: ReturnType<typeof helloOf>;
  try {
    const store = readStore(storePath(settings.dataDir));
    hello = helloOf(store, version);
    store.close();
  } catch (error) {
    if (error instanceof HawserError) return not('there is no store that could say hello: see "store"');
    throw error;
  }
  let tried: Tried = { type: 'notTried', why: 'no relay is known' };
  for (const relay of identity.relays) {
    tried = await sayHello(relay, identity.tls, hello, signal);
    if (tried.type === 'welcome') break;
  }
  return { tried, clusterUid: hello.clusterUid };
}

async function lookAtKubelet({ settings, agent, facts, identity }: Scene, signal: AbortSignal): Promise<readonly Finding[]> {
  const { dataDir } = settings;
  const running = agent.running === true;
  // What the agent that runs was started with may be other than what this command was.
  const workload = (running && facts[AGENT_FACTS.workload]) || settings.workload;
  const nothing = {
    pids: [],
    healthz: undefined,
    runtime: undefined,
    token: undefined,
    state: undefined,
    detail: undefined,
    isAlive: false,
  };
  if (workload !== 'kubelet') return judgeKubelet({ workload, running, ...nothing });
  const { config } = kubeletPaths(dataDir);
  const { healthz, endpoint } = kubeletPlaces(config);
  const pids = findKubelets(config, systemProcesses).map(({ pid }) => pid);
  const server = facts[AGENT_FACTS.localApi];
  return judgeKubelet({
    workload,
    running,
    state: facts[AGENT_FACTS.kubelet] || undefined,
    detail: facts[AGENT_FACTS.kubeletDetail] || undefined,
    pids,
    healthz: healthz === undefined || pids.length === 0 ? undefined : await askHealthz(healthz, signal),
    runtime: await lookAtRuntime(endpoint, signal),
    token:
      running && server !== undefined && identity.nodeName !== undefined
        ? await askAsKubelet(dataDir, server, identity.nodeName)
        : undefined,
    isAlive: facts[AGENT_FACTS.kubeletAlive] === 'true',
  });
}

function liveOf(live: Scene['agent']['live']): LiveAgent | undefined {
  return live === undefined || 'silent' in live ? undefined : live;
}

/** Names of variables that the agent has otherwise; never what they hold. */
function otherwiseIn(live: LiveAgent | undefined): readonly string[] | undefined {
  if (live === undefined || live.pid === process.pid) return undefined;
  const theirs = environmentOf(live.pid, PROXY_VARIABLES);
  return theirs && PROXY_VARIABLES.filter((name) => (theirs.get(name) ?? '') !== (process.env[name] ?? ''));
}
