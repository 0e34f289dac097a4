import type { Logger } from 'pino';
import type { Clock } from '../../api/clock.ts';
import { examine, type Vitals } from './health.ts';
import type { Sender } from './send.ts';
import { oneLine, statusText } from './status-text.ts';

export interface NotifyOptions extends Vitals {
  readonly sender: Sender;
  /** See Supervision. */
  readonly watchdogMs: number | undefined;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'error' | 'info'>;
}

export interface Notify {
  /** The local API serves: what is ordered after the agent may start. */
  ready(): void;
  linkChanged(isOpen: boolean): void;
  /** Says that the agent ends, unless it begins again at once. Resolves when systemd knows, or cannot be told. */
  stop(how?: { readonly isAgain: boolean }): Promise<void>;
}

/** Where nobody listens nothing is said. */
export const SILENT: Notify = { ready() {}, linkChanged() {}, stop: async () => {} };

/** Of the watchdog's time that passes between two signs of life, so that one may be late or lost. */
const SIGNS_PER_WATCHDOG = 3;

/**
 * Tells systemd that the agent is ready, how its link is, and, for as long as nothing ails it, that it lives. The link is told when it
 * opens or breaks, all else with the signs of life, which cost a process anyway.
 */
export function createNotify({ sender, watchdogMs, clock, logger, ...vitals }: NotifyOptions): Notify {
  let stopTimer = () => {};
  let isReady = false;
  let wasOpen = false;
  let isAiling = false;

  /** Signs of life go out with `more`; an agent that ails only says why. */
  function say(more: Readonly<Record<string, string>>): void {
    const finding = examine(vitals);
    if (finding.name === 'well') sender.send({ ...more, STATUS: statusText(finding.facts) });
    else sender.send({ STATUS: oneLine(finding.why) });
    if (isAiling === (finding.name === 'ailing')) return;
    isAiling = !isAiling;
    if (finding.name === 'well') logger.info('the watchdog is told again that the agent lives');
    else logger.error({ why: finding.why, watchdogMs }, 'the watchdog is not told that the agent lives: it is restarted');
  }

  function signLater(everyMs: number): void {
    stopTimer = clock.after(everyMs, () => {
      say({ WATCHDOG: '1' });
      signLater(everyMs);
    });
  }

  return {
    ready() {
      isReady = true;
      say({ READY: '1' });
      if (watchdogMs !== undefined) signLater(watchdogMs / SIGNS_PER_WATCHDOG);
    },
    linkChanged(isOpen) {
      const isNew = isOpen !== wasOpen;
      wasOpen = isOpen;
      if (isNew && isReady) say({});
    },
    async stop({ isAgain } = { isAgain: false }) {
      isReady = false;
      stopTimer();
      sender.send(isAgain ? { STATUS: 'starting anew' } : { STOPPING: '1', STATUS: 'stopping' });
      await sender.idle();
    },
  };
}
