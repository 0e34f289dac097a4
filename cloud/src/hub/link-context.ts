import type { X509Certificate } from 'node:crypto';
import type { KeyHash } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { RawData } from 'ws';
import type { Clock } from '../clock.ts';
import type { KeysSource } from '../cluster-keys/index.ts';
import type { Downstream, SessionStats } from '../downstream/index.ts';
import type { Bound } from '../ops/bounds.ts';
import type { QueryDesk, ReportQueue } from '../upstream/index.ts';
import type { FrameBudgets } from './frame-budget.ts';
import type { EpochMeeting } from './handshake.ts';
import type { Receiving } from './receiving.ts';
import type { Trust } from './trust.ts';
import type { Turns } from './turns.ts';

export interface LinkMetrics {
  sessionOpened(): void;
  /** `how` is a name of the table of close codes, `closed` by the agent, or `lost`. */
  sessionEnded(how: string): void;
  sessionDrained(outcome: 'moved' | 'cut'): void;
  received(type: string, bytes: number): void;
  sent(type: string, bytes: number): void;
  malformedFrame(): void;
  nack(reason: string): void;
  boundReached(bound: Bound): void;
}

export interface LinkLimits {
  readonly framesPerSecond: number;
  readonly handshakeSeconds: number;
  readonly pingSeconds: number;
  readonly bufferedBytes: number;
}

/** What a link needs of its WebSocket (`ws`). */
export interface LinkSocket {
  /** Bytes that were sent and that the network has not taken. */
  readonly bufferedAmount: number;
  readonly isPaused: boolean;
  on(event: 'message', listener: (data: RawData, isBinary: boolean) => void): unknown;
  on(event: 'ping' | 'pong', listener: (data: Uint8Array) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'close', listener: (code: number) => void): unknown;
  once(event: 'close', listener: () => void): unknown;
  /** `taken` is called when the network has the bytes, or never will. */
  send(bytes: Uint8Array, taken: () => void): void;
  ping(): void;
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** What all links of a hub share. `Link` is what it calls one of them. */
export interface LinkContext<Link> {
  readonly downstream: Pick<Downstream, 'open'>;
  readonly reports: Pick<ReportQueue, 'open'>;
  readonly queries: Pick<QueryDesk, 'open'>;
  readonly epochs: EpochMeeting;
  readonly trust: Trust;
  readonly clusterKeys: KeysSource;
  readonly limits: LinkLimits;
  readonly budgets: FrameBudgets;
  readonly receiving: Receiving;
  readonly clock: Clock;
  readonly turns: Turns;
  readonly metrics: LinkMetrics;
  readonly logger: Logger;
  /** What the agent says of the kubelet beside it. */
  readonly onKubelet: (link: Link, isAlive: boolean) => void;
  /** The hello was accepted: this is the node's link from now on. An older one is ended before this returns. */
  readonly onAccepted: (link: Link) => void;
  /** It is live: after `onAccepted`, and after its welcome. */
  readonly onLive: (link: Link) => void;
  /** Called once, whatever state it was in; `stats` of the session where there was one. */
  readonly onEnded: (link: Link, stats: SessionStats | undefined) => void;
}

export interface LinkPeer {
  readonly node: string;
  /** Of the certificate. */
  readonly key: KeyHash;
  /** When it begins. */
  readonly issuedAt: Date;
  readonly remote: string;
  /** Asks TLS: a certificate that was read takes some KB. Undefined when the connection is over. */
  readonly certificate: () => X509Certificate | undefined;
  /** Bytes of the connection that came in so far, TLS and all. */
  readonly bytesRead: () => number;
  /** The device's clock less ours when it dialled, in ms; undefined where it did not say. */
  readonly clockOffsetMs: number | undefined;
}
