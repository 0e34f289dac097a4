/** What systemd asks of a service that it supervises (sd_notify(3), sd_watchdog_enabled(3)). */
export interface Supervision {
  /** $NOTIFY_SOCKET: a path, or `@` and a name of the abstract namespace. */
  readonly socket: string;
  /** Within so many milliseconds it wants to hear that the service lives; undefined where it does not. */
  readonly watchdogMs: number | undefined;
}

/** A longer wait is none: ten years, in milliseconds. */
const LONGEST_WATCHDOG_MS = 10 * 365 * 24 * 3600 * 1000;

/**
 * @param environment of this process
 * @param pid of this process: what is meant for another, whose environment it has got, is none of its business
 * @returns undefined where nobody listens
 */
export function supervisionOf(
  { NOTIFY_SOCKET: socket, WATCHDOG_USEC, WATCHDOG_PID }: Readonly<Record<string, string | undefined>>,
  pid: number,
): Supervision | undefined {
  // systemd knows others too (vsock of virtual machines), which are not for services.
  if (socket === undefined || !/^[/@]./.test(socket)) return undefined;
  const isOurs = WATCHDOG_PID === undefined || WATCHDOG_PID === String(pid);
  const watchdogMs = isOurs && /^\d+$/.test(WATCHDOG_USEC ?? '') ? Number(WATCHDOG_USEC) / 1000 : 0;
  return { socket, watchdogMs: watchdogMs >= 1 && watchdogMs <= LONGEST_WATCHDOG_MS ? watchdogMs : undefined };
}
