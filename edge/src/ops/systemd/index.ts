import type { Logger } from 'pino';
import type { Clock } from '../../api/clock.ts';
import type { Vitals } from './health.ts';
import { createNotify, type Notify, SILENT } from './notify.ts';
import { createSender } from './send.ts';
import { supervisionOf } from './supervision.ts';

export type { Notify } from './notify.ts';

export interface NotifySystemdOptions extends Vitals {
  /** Of this process. Without `NOTIFY_SOCKET` nothing is done. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The agent as a service of `Type=notify` with a watchdog. */
export function notifySystemd({ environment, logger, ...options }: NotifySystemdOptions): Notify {
  const supervision = supervisionOf(environment, process.pid);
  if (supervision === undefined) return SILENT;
  const { socket, watchdogMs } = supervision;
  return createNotify({ ...options, watchdogMs, logger, sender: createSender({ socket, path: environment.PATH, logger }) });
}
