import type { Logger } from 'pino';
import type { Clock } from '../../api/clock.ts';
import { createKlogReader } from './klog.ts';

/** Lines that may come at once: a kubelet that starts says some hundred. */
const BURST_LINES = 500;
/** Lines that are passed on in a second when it goes on and on. A loop of errors must not fill the device's disk. */
const LINES_PER_SECOND = 20;
/** Last lines that are shown of a kubelet that has ended, and the characters of them in all. */
const TAIL_LINES = 20;
const TAIL_CHARACTERS = 8_192;

/** What a kubelet says, in the agent's log: one event for each line, `kubelet says`, with the fields `line` and `source`. */
export interface LogRelay {
  line(text: string): void;
  /** The last lines, also of those that were left out. */
  tail(): readonly string[];
  /** Says what was left out since the last line. */
  end(): void;
  /** Lines that were left out since the start of the agent. */
  leftOut(): number;
}

export interface LogRelayOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error' | 'fatal'>;
}

export function createLogRelay({ clock, logger }: LogRelayOptions): LogRelay {
  const read = createKlogReader();
  const tail: string[] = [];
  let room = BURST_LINES;
  let filledMs = clock.now().getTime();
  let untold = 0;
  let leftOut = 0;

  /** A clock that is set back fills nothing, one that is set ahead no more than the bound. */
  function fill(): void {
    const nowMs = clock.now().getTime();
    const seconds = Math.max(0, nowMs - filledMs) / 1000;
    room = Math.min(BURST_LINES, room + seconds * LINES_PER_SECOND);
    filledMs = nowMs;
  }
  function tellOfLeftOut(): void {
    if (untold === 0) return;
    logger.warn({ lines: untold }, 'lines of the kubelet were left out: it says too much');
    untold = 0;
  }

  return {
    line(text) {
      tail.push(text);
      if (tail.length > TAIL_LINES) tail.shift();
      const { level, source, text: line } = read(text);
      fill();
      if (room < 1) {
        untold += 1;
        leftOut += 1;
        return;
      }
      room -= 1;
      tellOfLeftOut();
      logger[level]({ source, line }, 'kubelet says');
    },
    tail() {
      let characters = 0;
      const fits = (line: string) => {
        characters += line.length;
        return characters <= TAIL_CHARACTERS;
      };
      const first = tail.findLastIndex((line) => !fits(line));
      return tail.slice(first + 1);
    },
    end: tellOfLeftOut,
    leftOut: () => leftOut,
  };
}
