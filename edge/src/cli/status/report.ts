import { HawserError } from '@hawser/protocol';
import { CLOCK_FACTS } from '../../enroll/clock-watch.ts';
import { IDENTITY_FACTS } from '../../enroll/identity-facts.ts';
import { createIdentityFolder } from '../../enroll/identity-folder.ts';
import { renewalTimes } from '../../enroll/renewal-times.ts';
import type { Identity } from '../../enroll/types.ts';
import { AGENT_FACTS } from '../../ops/facts.ts';
import type { LiveAgent } from '../../ops/live-agent.ts';
import type { Space } from '../../ops/space.ts';
import type { ReadonlyStore } from '../../store/index.ts';
import { SYNC_FACTS } from '../../sync/index.ts';
import { inWords, nameOf } from '../reports-in-words.ts';
import type { StatusReport } from './types.ts';

/** Entries of the outbox and refusals that are listed; `hawser-agent outbox` shows more. */
const MAX_LISTED = 10;

/** What the report is made of. */
export interface StatusSources {
  readonly store: ReadonlyStore;
  /** Undefined where none runs; where one runs and does not answer, why. */
  readonly live: LiveAgent | { readonly silent: string } | undefined;
  readonly identity: Identity | undefined;
  /** Of the file system that the store is on; undefined where it cannot be asked. */
  readonly space: Space | undefined;
  readonly now: Date;
}

export function reportOn({ store, live, identity, space, now }: StatusSources): Omit<StatusReport, 'concerns'> {
  const facts = store.facts();
  const fact = (name: string) => facts[name] || null;
  const agent = live === undefined || 'silent' in live ? undefined : live;
  const lastSync = fact(SYNC_FACTS.lastSync);
  const { storeId, clusterUid } = store.identity();
  const { database, log } = store.sizes();
  const session = store.running ? (fact(SYNC_FACTS.session) ?? 'disconnected') : 'disconnected';
  const sessionSince = fact(SYNC_FACTS.since);
  const oldest = store.outboxEntries(MAX_LISTED);
  const waiting = store.outboxSize();
  const objects = store.objectCount();
  const digest = store.digest();
  const ends = fact(IDENTITY_FACTS.ends) ?? identity?.current.certificates[0].validTo ?? null;
  return {
    running: store.running,
    answers: agent !== undefined,
    silent: live !== undefined && 'silent' in live ? live.silent : null,
    node: fact(AGENT_FACTS.nodeName),
    joinedAs: identity?.nodeName ?? null,
    version: fact(AGENT_FACTS.version),
    startedAt: fact(AGENT_FACTS.startedAt),
    logLevel: agent?.logLevel.level ?? null,
    workload: fact(AGENT_FACTS.workload),
    kubelet: kubeletIn(fact, store.running),
    localApi: fact(AGENT_FACTS.localApi),
    cluster: clusterUid ?? null,
    storeId,
    link: linkIn(fact, store.running, agent),
    certificate: {
      ends: ends === null ? null : new Date(ends).toISOString(),
      endsInSeconds: ends === null ? null : Math.floor((Date.parse(ends) - now.getTime()) / 1000),
      renewsAt: identity === undefined ? null : new Date(renewalTimes(identity.current.certificates[0]).renewMs).toISOString(),
      renewal: fact(IDENTITY_FACTS.renewal),
      renewed: fact(IDENTITY_FACTS.renewed),
      authorities: fact(IDENTITY_FACTS.authorities)?.split(' ') ?? [],
    },
    clock: { verdict: agent?.clock ?? fact(CLOCK_FACTS.verdict) ?? 'right', said: fact(CLOCK_FACTS.said) },
    session: { state: session, since: sessionSince, relayVersion: fact(SYNC_FACTS.relayVersion) },
    lastSync,
    lastSyncAgeSeconds: lastSync === null ? null : Math.max(0, Math.round((now.getTime() - Date.parse(lastSync)) / 1000)),
    objects,
    digest,
    set: { objects, digest, inSync: session === 'inSync', since: session === 'inSync' ? sessionSince : null },
    served: Object.fromEntries(store.counts().map(({ resource, objects: served }) => [resource, served])),
    outbox: {
      entries: waiting.entries,
      bytes: waiting.bytes,
      oldestSince: oldest[0]?.time ?? null,
      held: agent?.reports.held ?? null,
      droppedEvents: Object.values(store.droppedEvents().total).reduce((sum, count) => sum + count, 0),
      oldest: oldest.map(({ key, verb, subresource, time }) => `${inWords({ verb, subresource })} ${nameOf(key)} since ${time}`),
    },
    refusedReports: store
      .refusals()
      .slice(0, MAX_LISTED)
      .map(
        ({ key, verb, subresource, code, reason, message, time }) =>
          `${time} ${inWords({ verb, subresource })} ${nameOf(key)}: ${code} ${reason}: ${message}`,
      ),
    refusedObjects: store.refusedObjects().map(({ key, reason }) => `${key}: ${reason}`),
    store: {
      path: store.path,
      bytes: database,
      logBytes: log,
      freeBytes: space?.freeBytes ?? null,
      diskBytes: space?.totalBytes ?? null,
      revision: store.revision(),
      seal: store.seal() ?? null,
    },
  };
}

/**
 * `open` is told only of an agent that runs: what the store says of one that was killed with its link open was true then. What a running
 * agent says itself goes before what it has left in the store, which a full disk may have kept from being written.
 */
function linkIn(fact: (name: string) => string | null, isRunning: boolean, agent: LiveAgent | undefined): StatusReport['link'] {
  const noted = fact(AGENT_FACTS.link);
  const relay = fact(AGENT_FACTS.linkRelay);
  const since = fact(AGENT_FACTS.linkSince);
  const detail = fact(AGENT_FACTS.linkDetail);
  const lastFailure = failureIn(fact, agent);
  const wasOpen = fact(AGENT_FACTS.linkOpened);
  if (agent === undefined) {
    const ended = !isRunning && noted === 'open';
    const state = noted === null ? 'never open' : ended ? 'down' : noted;
    const words = ended ? 'the agent was ended while its link was open' : detail;
    return {
      state,
      phase: null,
      relay,
      since: ended ? null : since,
      detail: words,
      nextDial: null,
      lastOpen: wasOpen,
      lastFailure,
    };
  }
  const { link } = agent;
  const isOpen = link.state === 'open';
  return {
    state: isOpen ? 'open' : noted === null ? 'never open' : 'down',
    phase: link.state,
    relay: link.relay ?? relay,
    since: isOpen ? link.since : since,
    detail: isOpen ? null : link.failure === null ? detail : `${link.failure.kind}: ${link.failure.detail}`,
    nextDial: link.nextDial,
    lastOpen: wasOpen,
    lastFailure,
  };
}

function failureIn(fact: (name: string) => string | null, agent: LiveAgent | undefined): StatusReport['link']['lastFailure'] {
  if (agent?.link.failure != null) return agent.link.failure;
  const time = fact(AGENT_FACTS.linkFailureTime);
  const noted = fact(AGENT_FACTS.linkFailure);
  const [kind = '', ...rest] = noted?.split(': ') ?? [];
  return noted === null || time === null ? null : { kind, detail: rest.join(': '), time };
}

function kubeletIn(fact: (name: string) => string | null, isRunning: boolean): StatusReport['kubelet'] {
  const state = fact(AGENT_FACTS.kubelet);
  if (state === null) return null;
  return {
    state,
    since: fact(AGENT_FACTS.kubeletSince),
    version: fact(AGENT_FACTS.kubeletVersion),
    detail: fact(AGENT_FACTS.kubeletDetail),
    // Leases are in the agent's memory: without one nobody knows.
    alive: isRunning && fact(AGENT_FACTS.kubeletAlive) === 'true',
    lastLines: fact(AGENT_FACTS.kubeletLastLines)?.split('\n') ?? [],
  };
}

/** Undefined also for an identity that cannot be read: the agent says so when it starts, and `hawser-agent doctor`. */
export function identityIn(dataDir: string): Identity | undefined {
  try {
    return createIdentityFolder({ dataDir, logger: { warn: () => {} } }).read();
  } catch (error) {
    if (error instanceof HawserError) return undefined;
    throw error;
  }
}
