import type { Logger } from 'pino';
import type { Clock } from '../api/clock.ts';
import { type BackoffBounds, fullJitter } from './backoff.ts';
import { failure, type LinkFailure, type LinkFailureKind } from './failure.ts';
import { HeldRelays } from './held-relays.ts';
import { DEFAULT_SILENCE_MS, watchForSilence } from './keepalive.ts';
import { type LinkSocket, type LinkTls, openSocket, type SocketEvents } from './socket.ts';
import type { LinkState } from './state.ts';

export interface LinkOptions {
  /** Relays, dialled in turn: after a failure the next one that is not to be left alone; after the last one a wait. At least one. */
  readonly urls: readonly string[];
  /**
   * Asked before each dial, so that renewed files are used. A failure in its place: there is nothing to dial with, and it counts as a failed
   * dial. @throws whatever stands in the way; as that
   */
  readonly tls: () => LinkTls | LinkFailure;
  readonly backoff: BackoffBounds;
  /** Default 9 s: see keepalive.ts. */
  readonly silenceMs?: number;
  readonly clock: Clock;
  /** At least 0, below 1. */
  readonly random: () => number;
  readonly logger: Logger;
  /** The link stands: the first frame may be sent. */
  readonly onConnected: () => void;
  readonly onFrame: (bytes: Uint8Array) => void;
  /** A link that had stood is gone. */
  readonly onDown: (reason: LinkFailure) => void;
  readonly onState: (state: LinkState) => void;
  /** For tests without sockets. */
  readonly open?: (url: string, tls: LinkTls, events: SocketEvents) => LinkSocket;
}

/** What is left alone after a link has ended: all relays (default), or only the one at that address. */
export type Held = 'all' | 'address';

/** The one connection to a relay, made again and again until it is closed. */
export interface Link {
  start(): void;
  /** Nothing is queued: without a link the frame is dropped, and whoever sent it learns by `onDown`. */
  send(frame: Uint8Array): void;
  /** The relay has accepted us: greeting → open. */
  welcomed(): void;
  /**
   * Ends this link because of what came over it, and waits.
   * @param code of the close frame (RFC 6455, section 7.4)
   */
  drop(reason: string, options?: { readonly code?: number; readonly retryAfterMs?: number; readonly holds?: Held }): void;
  /** The relay has said goodbye: `holds` is not dialled again before that time. The link is ended. */
  goodbye(reason: string, retryAfterMs: number, holds?: Held): void;
  /**
   * The relay stops, and has told us to go to another one after that time: the next address is dialled, or the same one, whose name is
   * resolved anew. After a link that had stood this is no failure: the waits do not grow by it. The link is ended.
   */
  moved(reason: string, retryAfterMs: number): void;
  /** For a link with another certificate: an open one is ended by us, and a wait too; the next is dialled at once. */
  redial(reason: string): void;
  state(): LinkState;
  stats(): LinkStats;
  close(): void;
}

/** Since the process began. */
export interface LinkStats {
  readonly dials: number;
  readonly opened: number;
  readonly failures: Readonly<Record<string, number>>;
  /** Of all links: what was received with TLS, what was sent without. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** A link that was open for less counts as a failed attempt: a relay that welcomes and falls over is not dialled without pause. */
const STABLE_MS = 10_000;
/**
 * Bound of the wait where a relay does not want this device, in milliseconds: it takes somebody to change that, and each dial costs some KB.
 * The first waits are short all the same: a replica may not have heard yet that it should.
 */
const UNWANTED_CAP_MS = 15 * 60_000;
const UNWANTED: ReadonlySet<LinkFailureKind> = new Set(['forbidden', 'ownCertificate']);

/**
 * From the dial to an open WebSocket, in milliseconds: name, TCP, TLS and upgrade. A network that dies in between tells nobody, and nothing
 * below has a deadline of its own. Far above what a slow link takes (5 KB at 512 bytes a second are 10 s): a relay to which a thousand
 * devices come back at once is slow too, and a handshake that is given up half-way has to be made again by both.
 */
const DIAL_TIMEOUT_MS = 60_000;
/** No answer to Hello by then, in milliseconds: the connection is given up. */
const GREETING_TIMEOUT_MS = 15_000;

const NORMAL_CLOSE = 1000;
const PROTOCOL_ERROR = 1002;

export function createLink(options: LinkOptions): Link {
  const { urls, clock, logger } = options;
  const open = options.open ?? openSocket;
  const failures: Record<string, number> = {};
  let state: LinkState = { name: 'idle' };
  let socket: LinkSocket | undefined;
  const held = new HeldRelays();
  let attempts = 0;
  let next = 0;
  let dials = 0;
  let opened = 0;
  /** Of the links that have ended. */
  const bytes = { read: 0, written: 0 };
  let lastKind: LinkFailureKind | undefined;
  let cancelTimer = () => {};
  let stopWatching = () => {};

  function enter(entered: LinkState): void {
    state = entered;
    options.onState(entered);
  }

  /** Moves on past relays that are left alone. @returns whether a round is over by then */
  function passHeld(): boolean {
    const now = clock.now().getTime();
    let isRoundOver = next % urls.length === 0;
    for (let passed = 0; passed < urls.length && leftMs(next, now) > 0; passed += 1) {
      next += 1;
      isRoundOver ||= next % urls.length === 0;
    }
    return isRoundOver;
  }

  function leftMs(index: number, now: number): number {
    const url = urls[index % urls.length];
    return url === undefined ? 0 : held.leftMs(url, now);
  }

  function dial(): void {
    passHeld();
    const url = urls[next % urls.length];
    if (url === undefined || state.name === 'closed') return;
    next += 1;
    dials += 1;
    enter({ name: 'dialling', url, since: clock.now() });
    // Each socket speaks for itself only: a late event of an earlier one changes nothing.
    let mine: LinkSocket | undefined;
    const isCurrent = () => socket === mine && mine !== undefined;
    const fail = (reason: LinkFailure) => {
      if (isCurrent()) failed(reason);
    };
    try {
      const tls = options.tls();
      if ('kind' in tls) {
        failed(tls);
        return;
      }
      mine = open(url, tls, {
        connected: () => {
          if (isCurrent()) connected(url, fail);
        },
        frame: (bytes) => {
          if (isCurrent()) options.onFrame(bytes);
        },
        failed: fail,
      });
      socket = mine;
      cancelTimer = clock.after(DIAL_TIMEOUT_MS, () =>
        fail(failure('timeout', `the relay did not answer within ${DIAL_TIMEOUT_MS / 1000} s of being dialled`)),
      );
    } catch (error) {
      failed(failure('unreachable', error instanceof Error ? error.message : String(error)));
    }
  }

  function connected(url: string, fail: (reason: LinkFailure) => void): void {
    cancelTimer();
    enter({ name: 'greeting', url, since: clock.now() });
    const current = socket;
    if (current === undefined) return;
    stopWatching = watchForSilence({
      silenceMs: options.silenceMs ?? DEFAULT_SILENCE_MS,
      clock,
      bytesRead: current.bytesRead,
      bytesWritten: current.bytesWritten,
      ping: current.ping,
      pong: current.pong,
      onSilent: () => fail(failure('silent', 'nothing came over the link for too long: it was half-open')),
    });
    cancelTimer = clock.after(GREETING_TIMEOUT_MS, () =>
      fail(failure('timeout', 'the relay did not answer our greeting in time')),
    );
    options.onConnected();
  }

  function release(end: (ended: LinkSocket) => void): void {
    cancelTimer();
    stopWatching();
    cancelTimer = () => {};
    stopWatching = () => {};
    const ended = socket;
    socket = undefined;
    if (ended === undefined) return;
    bytes.read += ended.bytesRead();
    bytes.written += ended.bytesWritten();
    end(ended);
  }

  function failed(reason: LinkFailure, end = (ended: LinkSocket) => ended.destroy(), holds: Held = 'all'): void {
    const before = state;
    if (before.name === 'closed' || before.name === 'idle' || before.name === 'waiting') return;
    release(end);
    failures[reason.kind] = (failures[reason.kind] ?? 0) + 1;
    const now = clock.now().getTime();
    const hasStood = before.name === 'open' && now - before.since.getTime() >= STABLE_MS;
    if (hasStood) attempts = 0;
    if (holds === 'address') held.hold(before.url, reason.retryAfterMs, now);
    // Other relays are tried at once; only the end of a round is followed by a wait.
    const isPlanned = reason.kind === 'redial' || (reason.kind === 'moved' && hasStood);
    const isRoundOver = (passHeld() || before.name === 'open') && !isPlanned;
    const { baseMs, capMs } = options.backoff;
    const bounds = { baseMs, capMs: UNWANTED.has(reason.kind) ? Math.max(capMs, UNWANTED_CAP_MS) : capMs };
    const waitMs = isRoundOver ? fullJitter(bounds, attempts, options.random) : 0;
    if (isRoundOver) attempts += 1;
    const heldMs = holds === 'all' ? reason.retryAfterMs : 0;
    const soonestMs = Math.min(...urls.map((_, index) => leftMs(index, now)));
    const delay = Math.max(waitMs, heldMs, soonestMs);
    // Weeks without a network are told once.
    const isNews = before.name !== 'dialling' || reason.kind !== lastKind;
    lastKind = reason.kind;
    const level = reason.kind === 'redial' || reason.kind === 'moved' ? 'info' : isNews ? 'warn' : 'debug';
    logger[level]({ url: before.url, kind: reason.kind, detail: reason.detail, retryInMs: delay }, 'link down');
    enter({ name: 'waiting', url: before.url, since: new Date(now), until: new Date(now + delay), reason });
    if (before.name !== 'dialling') options.onDown(reason);
    // A listener may have closed the link.
    if (state.name === 'waiting') cancelTimer = clock.after(delay, dial);
  }

  return {
    start() {
      if (state.name === 'idle') dial();
    },
    send(frame) {
      if (state.name === 'greeting' || state.name === 'open') socket?.send(frame);
    },
    welcomed() {
      if (state.name !== 'greeting') return;
      cancelTimer();
      opened += 1;
      logger.info({ url: state.url }, 'link open');
      enter({ name: 'open', url: state.url, since: clock.now() });
    },
    drop(reason, { code = PROTOCOL_ERROR, retryAfterMs = 0, holds } = {}) {
      failed(failure('dropped', reason, retryAfterMs), (ended) => ended.close(code, reason), holds);
    },
    goodbye(reason, retryAfterMs, holds) {
      const why = failure('ended', `the relay said goodbye: ${reason}`, retryAfterMs);
      failed(why, (ended) => ended.close(NORMAL_CLOSE, ''), holds);
    },
    moved(reason, retryAfterMs) {
      failed(failure('moved', `the relay is stopping: ${reason}`, retryAfterMs), (ended) => ended.close(NORMAL_CLOSE, ''));
    },
    redial(reason) {
      if (state.name === 'waiting') {
        cancelTimer();
        dial();
      } else if (state.name === 'open') {
        attempts = 0;
        failed(failure('redial', reason), (ended) => ended.close(NORMAL_CLOSE, reason));
      }
    },
    state: () => state,
    stats: () => ({
      dials,
      opened,
      failures: { ...failures },
      bytesRead: bytes.read + (socket?.bytesRead() ?? 0),
      bytesWritten: bytes.written + (socket?.bytesWritten() ?? 0),
    }),
    close() {
      if (state.name === 'closed') return;
      release((ended) => ended.close(NORMAL_CLOSE, 'the agent ends'));
      enter({ name: 'closed' });
    },
  };
}
