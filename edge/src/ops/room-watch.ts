import type { Clock } from '../api/clock.ts';
import { spaceOf } from './space.ts';

/** Between two looks at a disk that was full, in milliseconds: one call of the file system. */
const LOOK_MS = 10_000;

export interface RoomWatch {
  /** Resolves once so much is free. Never where it was stopped before. */
  readonly room: Promise<void>;
  stop(): void;
}

/** @param leastBytes that others than root may write */
export function watchRoom(folder: string, leastBytes: number, clock: Pick<Clock, 'after'>, space = spaceOf): RoomWatch {
  let cancel = () => {};
  const room = new Promise<void>((resolve) => {
    const look = () => {
      if ((space(folder)?.freeBytes ?? 0) >= leastBytes) resolve();
      else cancel = clock.after(LOOK_MS, look);
    };
    cancel = clock.after(LOOK_MS, look);
  });
  return { room, stop: () => cancel() };
}
