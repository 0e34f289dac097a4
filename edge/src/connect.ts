import { type DeviceState, encodeAgentMessage } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from './api/clock.ts';
import type { LinkCredentials } from './enroll/index.ts';
import { createLink, type Link, type LinkFailure, type LinkOptions, type LinkState } from './link/index.ts';
import { AGENT_FACTS } from './ops/facts.ts';
import type { KeptKeys } from './pod-access/index.ts';
import { createSession } from './session.ts';
import type { EdgeStore } from './store/index.ts';
import type { Sync } from './sync/index.ts';
import { createQueries, createUpstream, type Queries, type Upstream } from './upstream/index.ts';
import type { KubeletLife } from './workload/index.ts';

export interface ConnectOptions extends Pick<LinkOptions, 'urls' | 'backoff' | 'clock' | 'random' | 'logger' | 'open'> {
  readonly credentials: LinkCredentials;
  readonly store: Pick<EdgeStore, 'outbox' | 'fact' | 'setFacts'>;
  readonly sync: Sync;
  readonly kubelet: Pick<KubeletLife, 'isAlive' | 'onChange'>;
  readonly nodeName: string;
  /** The cluster's keys; undefined where the device wants none. */
  readonly clusterKeys?: Pick<KeptKeys, 'take'> | undefined;
  /** How the device is, but for what is blocked of the outbox; undefined where it does not tell. */
  readonly deviceState?: ((id: number, upstream: Upstream) => DeviceState) | undefined;
  readonly onState?: (state: LinkState) => void;
}

export interface Connected {
  /** Not started yet. */
  readonly link: Link;
  readonly upstream: Upstream;
  /** Questions to the cloud. */
  readonly queries: Queries;
  /** The store has mended rows: the relay is told, if there is a link. */
  check(): void;
  stop(): void;
}

/** Link, session, outbox and queries, joined. */
export function connectLink({
  credentials,
  store,
  sync,
  kubelet,
  nodeName,
  clusterKeys,
  deviceState,
  onState,
  ...dialling
}: ConnectOptions): Connected {
  const { clock, random, logger } = dialling;
  const upstream = createUpstream({
    outbox: store.outbox,
    nodeName,
    send: (report) => session.report(link, report),
    clock,
    random,
    logger,
  });
  const queries = createQueries({ send: (message) => session.query(link, message), clock, logger });
  const session = createSession({
    ...{ sync, upstream, queries, kubelet, credentials, clusterKeys, nodeName, clock, logger },
    deviceState: deviceState === undefined ? undefined : (id) => deviceState(id, upstream),
  });
  const link: Link = createLink({
    ...dialling,
    tls: credentials.tls,
    onConnected: () => session.connected(link),
    onFrame: (bytes) => session.frame(link, bytes),
    onDown: () => session.down(),
    onState: (state) => {
      credentials.linkChanged(state);
      onState?.(state);
      noteLink(store, clock, logger, state);
    },
  });
  credentials.start({
    state: link.state,
    redial: link.redial,
    send: (message) => link.send(encodeAgentMessage(message)),
    isQuiet: () => sync.state().name === 'inSync' && upstream.stats().inFlight === 0 && queries.stats().open === 0,
  });
  const unsubscribe = kubelet.onChange(() => session.kubeletChanged(link));
  const stop = () => {
    unsubscribe();
    link.close();
    session.down();
    upstream.close();
    queries.close();
  };
  return { link, upstream, queries, check: () => session.check(link), stop };
}

/** Only what a person would want to know later is written: a device that dials for weeks in vain writes once. */
function noteLink(store: ConnectOptions['store'], clock: Clock, logger: Logger, state: LinkState): void {
  const note = noteOf(state);
  if (note === undefined || Object.entries(note).every(([name, value]) => store.fact(name) === value)) return;
  const isSameState = store.fact(AGENT_FACTS.link) === note[AGENT_FACTS.link];
  try {
    const now = clock.now().toISOString();
    const isOrWasOpen = store.fact(AGENT_FACTS.link) === 'open' || note[AGENT_FACTS.link] === 'open';
    store.setFacts({
      ...note,
      ...(isSameState ? {} : { [AGENT_FACTS.linkSince]: now }),
      ...(isOrWasOpen ? { [AGENT_FACTS.linkOpened]: now } : {}),
      ...(note[AGENT_FACTS.linkFailure] === undefined ? {} : { [AGENT_FACTS.linkFailureTime]: now }),
    });
  } catch (err) {
    // A full disk is no reason to lose the link.
    logger.error({ err }, 'state of the link not noted');
  }
}

function noteOf(state: LinkState): Record<string, string> | undefined {
  const { link, linkRelay, linkDetail } = AGENT_FACTS;
  switch (state.name) {
    case 'open':
      return { [link]: 'open', [linkRelay]: state.url, [linkDetail]: '' };
    case 'waiting':
      return {
        ...{ [link]: 'down', [linkRelay]: state.url, [linkDetail]: inWords(state.reason) },
        // Made anew by ourselves for another certificate: nothing has failed.
        ...(state.reason.kind === 'redial' ? {} : { [AGENT_FACTS.linkFailure]: inWords(state.reason) }),
      };
    case 'closed':
      return { [link]: 'down', [linkDetail]: 'the agent has stopped' };
    default:
      return undefined;
  }
}

function inWords({ kind, detail }: LinkFailure): string {
  return `${kind}: ${detail}`;
}
