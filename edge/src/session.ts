import {
  type CancelQuery,
  type DeviceState,
  decodeRelayMessage,
  encodeAgentMessage,
  type Goodbye,
  HawserError,
  type QueryMessage,
  type RelayMessage,
  type Report,
} from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from './api/clock.ts';
import type { LinkCredentials } from './enroll/index.ts';
import { HeldMessages, isInOrder, type OrderedMessage } from './held-messages.ts';
import type { Link } from './link/index.ts';
import type { KeptKeys } from './pod-access/index.ts';
import { NoRoomError } from './store/index.ts';
import type { Sync } from './sync/index.ts';
import type { Queries, Upstream } from './upstream/index.ts';
import type { KubeletLife } from './workload/index.ts';

export interface SessionOptions {
  readonly sync: Sync;
  readonly upstream: Upstream;
  readonly queries: Pick<Queries, 'up' | 'down' | 'answer'>;
  readonly kubelet: Pick<KubeletLife, 'isAlive'>;
  readonly credentials: Pick<LinkCredentials, 'receive' | 'revoked'>;
  /** The cluster's keys; undefined where the device wants none. */
  readonly clusterKeys?: Pick<KeptKeys, 'take'> | undefined;
  /** How the device is; undefined where it does not tell: then it is not asked. */
  readonly deviceState?: ((id: number) => DeviceState) | undefined;
  readonly nodeName: string;
  readonly clock: Pick<Clock, 'after'>;
  readonly logger: Logger;
}

/** What comes over the link goes to sync, to upstream or to queries, and what they say goes over the link. */
export interface Session {
  connected(link: Link): void;
  frame(link: Link, bytes: Uint8Array): void;
  report(link: Link, report: Report): void;
  /** @throws HawserError `too_large` for what no frame can hold */
  query(link: Link, message: QueryMessage | CancelQuery): void;
  /** The store has mended something: the relay is told, if there is one. */
  check(link: Link): void;
  /** The kubelet has come to life, or has fallen silent: the relay is told, if it has welcomed us. */
  kubeletChanged(link: Link): void;
  down(): void;
}

/** Close codes that tell the relay why (RFC 6455, section 7.4; from 4000 on they are the link's own). */
const CLOSE = { protocolError: 1002, internalError: 1011, wrongCluster: 4002 } as const;

/** Dialling again changes nothing about another cluster; somebody has to. In milliseconds. */
const WRONG_CLUSTER_WAIT_MS = 5 * 60_000;
/**
 * Another device under our name took the session. Without a wait the two would take it from each other without end; in
 * milliseconds.
 */
const REPLACED_WAIT_MS = 60_000;
/** What the relay sent was wrong, or could not be stored: not at once again. In milliseconds. */
const FAULT_WAIT_MS = 5_000;
/** Between two tries to take what the disk had no room for, in milliseconds: each writes what fits, and takes it back. */
const ROOM_WAIT_MS = 10_000;
/**
 * Tries on one link, which is then made anew at once: four minutes. A relay gives up one on which nothing is acknowledged for five, and asks for a
 * minute's wait, in which the cluster would lose the node.
 */
const TRIES_OF_A_LINK = 24;

export function createSession(options: SessionOptions): Session {
  const { sync, upstream, queries, kubelet, credentials, clusterKeys, deviceState, nodeName, clock, logger } = options;
  const held = new HeldMessages();
  let cancelRetry = () => {};
  let tries = 0;

  function receive(link: Link, message: RelayMessage): void {
    if (message.type === 'welcome' && message.nodeName !== nodeName) {
      throw new HawserError('protocol', `the relay takes us for ${message.nodeName}, the certificate is for ${nodeName}`);
    }
    answer(link, message);
    switch (message.type) {
      case 'welcome':
        link.welcomed();
        upstream.up();
        queries.up();
        tellKubelet(link);
        return;
      case 'reportAnswer':
        upstream.answer(message.number, message.outcome);
        return;
      case 'queryAnswer':
        queries.answer(message.id, message.answer);
        return;
      case 'renewed':
      case 'authorities':
        credentials.receive(message);
        return;
      case 'clusterKeys':
        clusterKeys?.take(message.keys);
        return;
      case 'deviceQuestion':
        tellDevice(link, message.id);
        return;
      case 'goodbye':
        goodbye(link, message);
        return;
    }
  }

  function answer(link: Link, message: RelayMessage): void {
    for (const sent of sync.receive(message)) link.send(encodeAgentMessage(sent));
  }

  /**
   * What the disk has no room for waits, unacknowledged, and what follows from it waits behind it: so the relay sends no more than it may have
   * under way, and the link stands, by which the cluster knows the node.
   * @returns whether it does
   */
  function hold(link: Link, message: RelayMessage, bytes: number): boolean {
    if (!isInOrder(message)) return false;
    if (!held.isEmpty()) return keep(message, bytes);
    try {
      answer(link, message);
    } catch (error) {
      if (!(error instanceof NoRoomError)) throw error;
      logger.error({ err: error }, 'no room for what the cloud sends: it is held back until there is');
      tries = 0;
      retryLater(link);
      return keep(message, bytes);
    }
    return true;
  }

  function keep(message: OrderedMessage, bytes: number): boolean {
    if (held.push(message, bytes)) return true;
    throw new HawserError('too_large', 'the relay sends more than can be held back until the disk has room again');
  }

  function retryLater(link: Link): void {
    cancelRetry = clock.after(ROOM_WAIT_MS, () => retry(link));
  }

  function retry(link: Link): void {
    tries += 1;
    try {
      held.take((message) => answer(link, message));
      logger.info('there is room again: what was held back is taken');
    } catch (error) {
      if (!(error instanceof NoRoomError)) refuse(link, error);
      else if (tries < TRIES_OF_A_LINK) retryLater(link);
      else link.redial('the disk has no room for what the cloud sends: a new link before the relay gives up this one');
    }
  }

  function letGo(): void {
    cancelRetry();
    held.clear();
  }

  /** A store or disk that cannot be read is no reason to lose the link: who asks gets no answer. */
  function tellDevice(link: Link, id: number): void {
    if (deviceState === undefined) throw new HawserError('protocol', 'deviceQuestion to an agent that has not offered to answer');
    let state: DeviceState;
    try {
      state = deviceState(id);
    } catch (err) {
      logger.error({ err }, 'state of the device not told');
      return;
    }
    link.send(encodeAgentMessage({ type: 'deviceState', state }));
  }

  function tellKubelet(link: Link): void {
    link.send(encodeAgentMessage({ type: 'kubelet', alive: kubelet.isAlive() }));
  }

  function goodbye(link: Link, { reason, detail, retryAfterMs }: Goodbye): void {
    // No wait is asked of the device that has the session: it was a late word about an older link that ended this one.
    const isOtherDevice = reason === 'replaced' && retryAfterMs > 0;
    if (isOtherDevice) logger.error({ detail }, 'another device uses the name of this one');
    const isWrongCluster = reason === 'wrongCluster';
    if (isWrongCluster) logger.error({ detail }, 'relay speaks for another cluster');
    const isRevoked = reason === 'revoked';
    const hasOtherKey = isRevoked && credentials.revoked();
    if (isRevoked) logger.error({ detail }, 'the relay does not want this device any more');
    if (reason === 'overBound') logger.error({ detail }, 'link ended: this device went over a bound of the relay');
    const least = isOtherDevice ? REPLACED_WAIT_MS : isWrongCluster ? WRONG_CLUSTER_WAIT_MS : 0;
    const told = detail === '' ? reason : `${reason}: ${detail}`;
    if (reason === 'shuttingDown') {
      link.moved(told, retryAfterMs);
      return;
    }
    // Behind another address may be a relay of our own cluster.
    link.goodbye(told, hasOtherKey ? 0 : Math.max(least, retryAfterMs), isWrongCluster ? 'address' : 'all');
  }

  function refuse(link: Link, error: unknown): void {
    const code = error instanceof HawserError ? error.code : undefined;
    const reason = error instanceof Error ? error.message : String(error);
    if (code === 'wrong_cluster') {
      logger.error({ detail: reason }, 'relay speaks for another cluster');
      link.drop(reason, { code: CLOSE.wrongCluster, retryAfterMs: WRONG_CLUSTER_WAIT_MS, holds: 'address' });
    } else if (code === 'protocol' || code === 'malformed_frame') {
      logger.error({ code, detail: reason }, 'relay broke the protocol');
      link.drop(reason, { code: CLOSE.protocolError, retryAfterMs: FAULT_WAIT_MS });
    } else {
      // What was not acknowledged comes again.
      logger.error({ err: error }, 'message not taken');
      link.drop('the agent could not take a message', { code: CLOSE.internalError, retryAfterMs: FAULT_WAIT_MS });
    }
  }

  return {
    connected(link) {
      try {
        link.send(encodeAgentMessage(sync.hello()));
      } catch (error) {
        refuse(link, error);
      }
    },
    frame(link, bytes) {
      try {
        const message = decodeRelayMessage(bytes);
        if (!hold(link, message, bytes.length)) receive(link, message);
      } catch (error) {
        refuse(link, error);
      }
    },
    report(link, report) {
      try {
        link.send(encodeAgentMessage({ type: 'report', report }));
      } catch (error) {
        if (!(error instanceof HawserError && error.code === 'too_large')) throw error;
        // It would never pass: the answer is the one that the API server would give.
        upstream.answer(report.number, { type: 'refused', code: 413, reason: 'RequestEntityTooLarge', message: error.message });
      }
    },
    query: (link, message) => link.send(encodeAgentMessage(message)),
    check(link) {
      const check = sync.check();
      if (check !== undefined) link.send(encodeAgentMessage(check));
    },
    kubeletChanged(link) {
      if (link.state().name === 'open') tellKubelet(link);
    },
    down() {
      letGo();
      upstream.down();
      queries.down();
      try {
        sync.disconnected();
      } catch (err) {
        // The state is left; only that it could not be noted, on a full disk for one.
        logger.error({ err }, 'end of session not noted');
      }
    },
  };
}
