import { compareResourceVersions } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Merge } from '../merge/merge.ts';
import type { Observation } from './observe.ts';
import type { Pump } from './pump.ts';
import type { WatchEvent } from './watch-event.ts';

/** Where lists and watches of one resource put what they read: the merge, and the place from which a watch can be resumed. */
export interface Intake {
  /** Everything up to here is in the merge, and a watch can be resumed from it; undefined: only a list helps. */
  readonly position: string | undefined;
  /** The furthest place so far, also when it cannot be resumed from any more; undefined before the first complete list of an epoch. */
  readonly reached: string | undefined;
  beginList(): void;
  listed(observation: Observation): void;
  endList(resourceVersion: string): void;
  /** Of the list under way, see Merge.unnamed; and how many objects it has named. */
  unnamed(): { readonly known: number; readonly unnamed: number; readonly named: number };
  /** The server no longer has what came after the position. */
  losePosition(): void;
  /** The server was restored: where it was and what it had there says nothing about what comes. */
  beginEpoch(): void;
  /** One event of the watch that follows a complete list. */
  event(event: Exclude<WatchEvent, { readonly type: 'error' }>): void;
  /** Undefined, or to be awaited before more is read. */
  room(): Promise<void> | undefined;
}

export function createIntake(merge: Merge, pump: Pump, logger: Logger, onListed: () => void): Intake {
  let position: string | undefined;
  let reached: string | undefined;
  let named = 0;

  function unreadable({ key, reason }: Extract<Observation, { readonly type: 'unreadable' }>): void {
    logger.warn({ key, reason }, 'object cannot be read, what was known of it stays');
  }

  function moveTo(resourceVersion: string): void {
    if (position === undefined || compareResourceVersions(resourceVersion, position) > 0) position = resourceVersion;
    if (reached === undefined || compareResourceVersions(position, reached) > 0) reached = position;
  }

  return {
    get position() {
      return position;
    },
    get reached() {
      return reached;
    },
    beginList() {
      position = undefined;
      named = 0;
      merge.beginList(reached);
    },
    unnamed: () => ({ ...merge.unnamed(), named }),
    listed(observation) {
      named += 1;
      if (observation.type === 'observed') merge.listed(observation.object);
      else {
        unreadable(observation);
        merge.listedUnreadable(observation.key);
      }
      pump.wake();
    },
    endList(resourceVersion) {
      merge.endList(resourceVersion);
      position = undefined;
      moveTo(resourceVersion);
      onListed();
      pump.wake();
    },
    losePosition() {
      position = undefined;
    },
    beginEpoch() {
      position = undefined;
      reached = undefined;
      merge.beginEpoch();
    },
    event(event) {
      switch (event.type) {
        case 'upsert': {
          const { observation } = event;
          if (observation.type === 'observed') {
            merge.upsert(observation.object);
            moveTo(observation.object.resourceVersion);
          } else unreadable(observation);
          break;
        }
        case 'delete':
          merge.delete(event.head.key, event.head.uid, event.head.resourceVersion);
          moveTo(event.head.resourceVersion);
          break;
        case 'bookmark':
          merge.advance(event.resourceVersion);
          moveTo(event.resourceVersion);
          break;
      }
      pump.wake();
    },
    room: () => pump.room(),
  };
}
