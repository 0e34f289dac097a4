import { existsSync } from 'node:fs';
import { HawserError } from '@hawser/protocol';
import { CLOCK_FACTS } from '../enroll/clock-watch.ts';
import { IDENTITY_FACTS } from '../enroll/identity-facts.ts';
import { createIdentityFolder } from '../enroll/identity-folder.ts';
import { AGENT_FACTS } from '../ops/facts.ts';
import { storePath } from '../ops/paths.ts';
import type { ReadonlyStore } from '../store/index.ts';
import { SYNC_FACTS } from '../sync/index.ts';
import { CommandFailure, EXIT } from './exit.ts';
import type { CliIo } from './io.ts';
import { withStore } from './open-store.ts';
import { inWords, nameOf } from './reports-in-words.ts';
import { alignColumns } from './table.ts';

/** Entries of the outbox and refusals that are listed; `hawser-agent outbox` shows more. */
const MAX_LISTED = 10;

/** What `hawser-agent status -o json` prints. Times are RFC 3339; what is not known is null. */
export interface StatusReport {
  /** Whether an agent has the store open now; where not, link and session are those of its last run. */
  readonly running: boolean;
  readonly node: string | null;
  /** As what `hawser-agent join` has made this device a node; null where it has not. */
  readonly joinedAs: string | null;
  readonly version: string | null;
  readonly startedAt: string | null;
  readonly workload: string | null;
  /** The kubelet that the agent runs; null where the workload is none. */
  readonly kubelet: {
    /** `running`, `waiting`, `blocked`, `clearing`, `stopping`, `stopped`, `external`. */
    readonly state: string;
    readonly since: string | null;
    readonly version: string | null;
    readonly detail: string | null;
    /** Whether it renews its Lease at the local API. */
    readonly alive: boolean;
    /** Of one that ends again and again. */
    readonly lastLines: readonly string[];
  } | null;
  readonly localApi: string | null;
  /** uid of the kube-system namespace. */
  readonly cluster: string | null;
  readonly storeId: string;
  readonly link: {
    readonly state: string;
    readonly relay: string | null;
    readonly since: string | null;
    readonly detail: string | null;
  };
  readonly certificate: {
    readonly ends: string | null;
    /** What its renewal is doing; null for files of an operator, which are not renewed. */
    readonly renewal: string | null;
    readonly renewed: string | null;
    /** Hashes of the public keys of those that relays are verified with. */
    readonly authorities: readonly string[];
  };
  /** `right`, `behind`, `ahead`; what the clock said when it was found to be wrong. */
  readonly clock: { readonly verdict: string; readonly said: string | null };
  readonly session: { readonly state: string; readonly since: string | null; readonly relayVersion: string | null };
  readonly lastSync: string | null;
  readonly lastSyncAgeSeconds: number | null;
  /** Objects of the cloud, as the digest counts them. */
  readonly objects: number;
  readonly digest: string;
  /** What the local API serves, by resource. */
  readonly served: Readonly<Record<string, number>>;
  readonly outbox: { readonly entries: number; readonly oldest: readonly string[] };
  readonly refusedReports: readonly string[];
  readonly refusedObjects: readonly string[];
  /** `seal`: algorithm and id of the key that Secrets and tokens are sealed with; null where nothing is sealed. */
  readonly store: {
    readonly path: string;
    readonly bytes: number;
    readonly logBytes: number;
    readonly revision: number;
    readonly seal: string | null;
  };
}

export function status(dataDir: string, output: 'text' | 'json', io: CliIo): void {
  const joinedAs = joinedIn(dataDir);
  if (joinedAs !== null && !existsSync(storePath(dataDir))) {
    throw new CommandFailure(
      EXIT.failed,
      `this device has joined as ${joinedAs}, and its agent has not run yet: hawser-agent run`,
    );
  }
  const report = withStore(dataDir, (store) => reportOn(store, joinedAs, io.now()));
  io.write(output === 'json' ? `${JSON.stringify(report, null, 2)}\n` : describe(report));
}

/** Null also for an identity that cannot be read: the agent says so when it starts. */
function joinedIn(dataDir: string): string | null {
  try {
    return createIdentityFolder({ dataDir, logger: { warn: () => {} } }).read()?.nodeName ?? null;
  } catch (error) {
    if (error instanceof HawserError) return null;
    throw error;
  }
}

function reportOn(store: ReadonlyStore, joinedAs: string | null, now: Date): StatusReport {
  const facts = store.facts();
  const fact = (name: string) => facts[name] || null;
  const lastSync = fact(SYNC_FACTS.lastSync);
  const { storeId, clusterUid } = store.identity();
  const { database, log } = store.sizes();
  return {
    running: store.running,
    node: fact(AGENT_FACTS.nodeName),
    joinedAs,
    version: fact(AGENT_FACTS.version),
    startedAt: fact(AGENT_FACTS.startedAt),
    workload: fact(AGENT_FACTS.workload),
    kubelet: kubeletIn(fact, store.running),
    localApi: fact(AGENT_FACTS.localApi),
    cluster: clusterUid ?? null,
    storeId,
    link: {
      state: fact(AGENT_FACTS.link) ?? 'never open',
      relay: fact(AGENT_FACTS.linkRelay),
      since: fact(AGENT_FACTS.linkSince),
      detail: fact(AGENT_FACTS.linkDetail),
    },
    certificate: {
      ends: fact(IDENTITY_FACTS.ends),
      renewal: fact(IDENTITY_FACTS.renewal),
      renewed: fact(IDENTITY_FACTS.renewed),
      authorities: fact(IDENTITY_FACTS.authorities)?.split(' ') ?? [],
    },
    clock: { verdict: fact(CLOCK_FACTS.verdict) ?? 'right', said: fact(CLOCK_FACTS.said) },
    session: {
      state: fact(SYNC_FACTS.session) ?? 'disconnected',
      since: fact(SYNC_FACTS.since),
      relayVersion: fact(SYNC_FACTS.relayVersion),
    },
    lastSync,
    lastSyncAgeSeconds: lastSync === null ? null : Math.max(0, Math.round((now.getTime() - Date.parse(lastSync)) / 1000)),
    objects: store.objectCount(),
    digest: store.digest(),
    served: Object.fromEntries(store.counts().map(({ resource, objects }) => [resource, objects])),
    outbox: {
      entries: store.outboxCount(),
      oldest: store
        .outboxEntries(MAX_LISTED)
        .map(({ key, verb, subresource, time }) => `${inWords({ verb, subresource })} ${nameOf(key)} since ${time}`),
    },
    refusedReports: store
      .refusals()
      .slice(0, MAX_LISTED)
      .map(
        ({ key, verb, subresource, code, reason, message, time }) =>
          `${time} ${inWords({ verb, subresource })} ${nameOf(key)}: ${code} ${reason}: ${message}`,
      ),
    refusedObjects: store.refusedObjects().map(({ key, reason }) => `${key}: ${reason}`),
    store: { path: store.path, bytes: database, logBytes: log, revision: store.revision(), seal: store.seal() ?? null },
  };
}

function describe(report: StatusReport): string {
  const { link, session, outbox } = report;
  const unlisted = outbox.entries - outbox.oldest.length;
  const past = report.running ? '' : ' (of its last run)';
  const rows: (readonly [string, string])[] = [
    ['Agent', report.running ? `running since ${report.startedAt ?? '?'}` : 'not running'],
    ['Version', report.version ?? 'unknown'],
    ['Node', report.node ?? 'unknown'],
    // An agent with a certificate of its own (tls.cert) goes on with that.
    ...(report.joinedAs === null || report.joinedAs === report.node
      ? []
      : [['', `joined as ${report.joinedAs}: without tls.cert the agent takes that name when it starts next`] as const]),
    ['Workload', report.workload === 'hollow' ? 'hollow: simulated, nothing really runs' : (report.workload ?? 'unknown')],
    ...kubeletRows(report, past),
    ['Local API', `${report.localApi ?? 'none'}${past}`],
    ['Cluster', report.cluster ?? 'none yet'],
    [
      'Link',
      `${[link.state, link.relay, link.since === null ? null : `since ${link.since}`].filter((part) => part !== null).join(' ')}${past}`,
    ],
    ...(link.detail === null ? [] : [['', link.detail] as const]),
    ...certificateRows(report),
    ['Session', `${session.state}${session.since === null ? '' : ` since ${session.since}`}${past}`],
    ['Last sync', report.lastSync === null ? 'never' : `${report.lastSync} (${report.lastSyncAgeSeconds} s ago)`],
    ['Objects', `${report.objects} from the cloud, digest ${report.digest}`],
    [
      'Served',
      Object.entries(report.served)
        .map(([resource, count]) => `${resource} ${count}`)
        .join(', ') || 'nothing',
    ],
    ['Outbox', outbox.entries === 0 ? 'empty' : `${outbox.entries} waiting for the cloud`],
    ...outbox.oldest.map((entry) => ['', entry] as const),
    ...(unlisted > 0 ? [['', `and ${unlisted} more: see "hawser-agent outbox"`] as const] : []),
    ...listed('Refused reports', report.refusedReports),
    ...listed('Refused objects', report.refusedObjects),
    ['Store', `${report.store.path}, ${report.store.bytes + report.store.logBytes} bytes, revision ${report.store.revision}`],
    ['Sealed', report.store.seal ?? 'nothing'],
  ];
  return alignColumns(rows.map(([name, value]) => [name === '' ? '' : `${name}:`, value]));
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

function kubeletRows({ kubelet }: StatusReport, past: string): readonly (readonly [string, string])[] {
  if (kubelet === null) return [];
  const { state, since, version, detail, alive, lastLines } = kubelet;
  const lease = alive ? 'alive' : 'silent: it does not renew its Lease';
  const parts = [state, version, since === null ? null : `since ${since}`, past === '' ? lease : null];
  return [
    ['Kubelet', `${parts.filter((part) => part !== null).join(', ')}${past}`],
    ...(detail === null ? [] : [['', detail] as const]),
    ...lastLines.map((line) => ['', line] as const),
  ];
}

function certificateRows({ certificate, clock }: StatusReport): readonly (readonly [string, string])[] {
  const { ends, renewal, renewed, authorities } = certificate;
  const since = renewed === null ? '' : `, last renewed ${renewed}`;
  return [
    ...(ends === null ? [] : [['Certificate', `ends ${ends}${since}`] as const]),
    ...(renewal === null ? [] : [['Renewal', renewal] as const]),
    ...listed('Authorities', authorities),
    ...(clock.verdict === 'right' ? [] : [['Clock', `wrong: it is ${clock.verdict} (${clock.said ?? '?'})`] as const]),
  ];
}

function listed(name: string, entries: readonly string[]): (readonly [string, string])[] {
  return entries.map((entry, index) => [index === 0 ? name : '', entry]);
}
