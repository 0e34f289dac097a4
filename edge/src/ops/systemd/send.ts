import { spawn } from 'node:child_process';
import type { Logger } from 'pino';

/** Assignments of sd_notify(3): `{ READY: '1', STATUS: 'link open' }`. */
export type Notice = Readonly<Record<string, string>>;

export interface SenderOptions {
  readonly socket: string;
  /** Of the agent: where `systemd-notify` is looked for. */
  readonly path: string | undefined;
  readonly logger: Pick<Logger, 'error'>;
}

export interface Sender {
  /** What has not gone out yet goes out as one, the newer value of a name. */
  send(notice: Notice): void;
  /** Resolves when everything has gone out, or could not. */
  idle(): Promise<void>;
}

const PROGRAM = 'systemd-notify';
const DEFAULT_PATH = '/usr/bin:/bin';
/** For one run, which takes milliseconds: it waits until systemd has read the message, at most five seconds by itself. In milliseconds. */
const RUN_MS = 10_000;

/**
 * Node opens no datagram sockets of the Unix domain, so systemd's own program tells it: a short child for each notice, one at a time. The
 * unit must have `NotifyAccess=all`, since the message does not come from its main process.
 */
export function createSender({ socket, path = DEFAULT_PATH, logger }: SenderOptions): Sender {
  let pending: Notice = {};
  let running: Promise<void> | undefined;
  let hasFailed = false;

  function run(notice: Notice): Promise<string | undefined> {
    const words = Object.entries(notice).map(([name, value]) => `${name}=${value}`);
    return new Promise((resolve) => {
      const child = spawn(PROGRAM, words, {
        cwd: '/',
        env: { PATH: path, NOTIFY_SOCKET: socket },
        stdio: ['ignore', 'ignore', 'ignore'],
        timeout: RUN_MS,
        killSignal: 'SIGKILL',
      });
      child.once('error', (error) => resolve(`${PROGRAM} cannot be started: ${error.message}`));
      child.once('exit', (code, signal) => resolve(code === 0 ? undefined : `${PROGRAM} ended with ${signal ?? code}`));
    });
  }

  async function drain(): Promise<void> {
    while (Object.keys(pending).length > 0) {
      const notice = pending;
      pending = {};
      const failure = await run(notice);
      // Said once: the next ones would be the same. What was to be told is told anew with the next notice, or is over.
      if (failure !== undefined && !hasFailed) logger.error({ failure, socket }, 'systemd is not told how the agent is');
      hasFailed = failure !== undefined;
    }
    running = undefined;
  }

  return {
    send(notice) {
      pending = { ...pending, ...notice };
      running ??= drain();
    },
    idle: () => running ?? Promise.resolve(),
  };
}
