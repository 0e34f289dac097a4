import { type KubeObject, parseSpan, STOP_AFTER_ANNOTATION } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../api/clock.ts';
import type { Storage } from '../api/storage.ts';
import type { EdgeStore } from '../store/index.ts';
import type { Sync, SyncState } from '../sync/index.ts';
import { type AwayRecord, awayAt, isSameBoot, type Reading, readAway, writeAway } from './away.ts';
import { podsToStop } from './stop-pods.ts';
import type { Uptime } from './uptime.ts';

export interface AutonomousStopOptions {
  readonly store: Pick<EdgeStore, 'fact' | 'setFact'>;
  readonly storage: Pick<Storage, 'get' | 'list' | 'subscribe'>;
  readonly sync: Pick<Sync, 'state' | 'onState'>;
  readonly nodeName: string;
  /** Ends one pod at the local API. */
  readonly stopPod: (pod: KubeObject) => Promise<void>;
  /** Pods were ended since the device has been without a link for so long. */
  readonly onStopped: (pods: number, awayMs: number) => void;
  readonly clock: Clock;
  readonly uptime: Uptime;
  readonly logger: Logger;
}

export interface AutonomousStop {
  stats(): AutonomousStopStats;
  /** What has been measured so far is in the store when this returns. */
  close(): void;
}

export interface AutonomousStopStats {
  /** Seconds; 0 with a link; undefined where the Node has no valid annotation. */
  readonly awaySeconds: number | undefined;
  /** Since the start of the agent. */
  readonly podsStopped: number;
}

/** The record of `away.ts`, as text. */
const AWAY_FACT = 'autonomy.away';

/** The record is written anew after this share of the annotation's span, and between these, in milliseconds. */
const RECORD_SHARE = 1 / 20;
const RECORD_LEAST_MS = 5_000;
const RECORD_MOST_MS = 10 * 60_000;
/**
 * After a boot of the machine only the wall clock says how long it was off, and the wall clock may be wrong until somebody has set it.
 * So long the link may come, or the clock be set, before pods are ended for it. In milliseconds.
 */
const AFTER_BOOT_MS = 60_000;
/** After pods could not be ended. In milliseconds. */
const RETRY_MS = 10_000;

/**
 * Ends the device's pods when it has been without a link for as long as the annotation `hawser.dev/autonomy-stop-after` of its Node
 * says, so that their replacements elsewhere never run beside them. The deletes are in the outbox: the cloud learns of them when the
 * link is back.
 */
export function startAutonomousStop(options: AutonomousStopOptions): AutonomousStop {
  const { store, storage, sync, nodeName, clock, uptime, logger } = options;
  const startedMs = uptime.now();
  let record = readAway(store.fact(AWAY_FACT));
  let stopAfterMs = readStopAfter();
  let wasLinked = isLinked(sync.state());
  let podsStopped = 0;
  let state: 'waiting' | 'stopping' | 'closed' = 'waiting';
  let cancelTimer = () => {};

  function reading(): Reading {
    return { bootId: uptime.bootId, uptimeMs: uptime.now(), wallMs: Math.max(0, clock.now().getTime()) };
  }

  function readStopAfter(): number | undefined {
    const node = storage.get({ resource: 'nodes', namespace: '', name: nodeName });
    const text = node?.metadata.annotations?.[STOP_AFTER_ANNOTATION];
    const seconds = text === undefined ? undefined : parseSpan(text);
    return seconds === undefined ? undefined : seconds * 1000;
  }

  function awayMs(): number {
    return isLinked(sync.state()) || record === undefined ? 0 : awayAt(record, reading());
  }

  /** Over a boot the record stays as it is for a while: the wall clock may yet be set. */
  function isSettled(): boolean {
    return record === undefined || isSameBoot(record, reading()) || uptime.now() - startedMs >= AFTER_BOOT_MS;
  }

  function note(): void {
    if (!isLinked(sync.state()) && !isSettled()) return;
    const next: AwayRecord = { awayMs: awayMs(), ...reading() };
    try {
      store.setFact(AWAY_FACT, writeAway(next));
      record = next;
    } catch (err) {
      // A full disk, for one. What stands there is older and still true.
      logger.error({ err }, 'time without a link not noted');
    }
  }

  /** Looks what time it is, and when to look again. */
  function look(): void {
    cancelTimer();
    if (stopAfterMs === undefined || state !== 'waiting') return;
    note();
    const away = awayMs();
    const left = isLinked(sync.state()) ? Number.POSITIVE_INFINITY : stopAfterMs - away;
    if (left <= 0 && isSettled()) void stopAll(away);
    else wakeIn(isSettled() ? left : Math.max(left, AFTER_BOOT_MS - (uptime.now() - startedMs)));
  }

  function wakeIn(milliseconds: number): void {
    const period = Math.min(RECORD_MOST_MS, Math.max(RECORD_LEAST_MS, (stopAfterMs ?? 0) * RECORD_SHARE));
    cancelTimer = clock.after(Math.max(0, Math.min(milliseconds, period)), look);
  }

  async function stopAll(away: number): Promise<void> {
    state = 'stopping';
    let stopped = 0;
    let waitMs = Number.POSITIVE_INFINITY;
    try {
      for (const pod of podsToStop(storage.list('pods'))) {
        // The link has come back meanwhile: the cloud decides from here on.
        if (isLinked(sync.state()) || isClosed()) break;
        await options.stopPod(pod);
        stopped += 1;
      }
    } catch (err) {
      logger.error({ err }, 'pods not ended');
      waitMs = RETRY_MS;
    }
    podsStopped += stopped;
    if (stopped > 0) {
      logger.warn({ pods: stopped, awaySeconds: Math.round(away / 1000) }, 'no link for too long: pods ended');
      options.onStopped(stopped, away);
    }
    if (isClosed()) return;
    state = 'waiting';
    wakeIn(waitMs);
  }

  const isClosed = () => state === 'closed';

  function linkChanged(): void {
    const linked = isLinked(sync.state());
    // Attempts that fail change nothing: a device that dials for weeks in vain writes no more than it must.
    if (linked === wasLinked) return;
    wasLinked = linked;
    if (!linked) record = { awayMs: 0, ...reading() };
    look();
  }

  const endings = [
    sync.onState(linkChanged),
    storage.subscribe('nodes', ({ key }) => {
      if (key.name !== nodeName) return;
      const before = stopAfterMs;
      stopAfterMs = readStopAfter();
      if (stopAfterMs === before) return;
      // From here on it is measured; the link that brought the annotation is there, or was until now.
      if (before === undefined) record = undefined;
      look();
    }),
  ];
  look();

  return {
    stats: () => ({ awaySeconds: stopAfterMs === undefined ? undefined : awayMs() / 1000, podsStopped }),
    close() {
      for (const end of endings) end();
      cancelTimer();
      if (stopAfterMs !== undefined) note();
      state = 'closed';
    },
  };
}

/** The relay has welcomed us: from here on the cluster knows that we are there. */
function isLinked({ name }: SyncState): boolean {
  return name === 'waiting' || name === 'syncing' || name === 'inSync';
}
