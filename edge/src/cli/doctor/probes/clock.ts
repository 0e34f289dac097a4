import { execFile } from 'node:child_process';

/** In milliseconds: it asks systemd over its bus. */
const TIMEDATECTL_TIMEOUT_MS = 2_000;

/** Whether a time server keeps the clock right, as systemd knows it; undefined where there is none to ask. */
export function isSynchronized(signal: AbortSignal): Promise<boolean | undefined> {
  return new Promise((resolve) => {
    const args = ['show', '--property=NTPSynchronized', '--value'];
    execFile('timedatectl', args, { timeout: TIMEDATECTL_TIMEOUT_MS, signal }, (error, stdout) => {
      const said = stdout.trim();
      resolve(error !== null || (said !== 'yes' && said !== 'no') ? undefined : said === 'yes');
    });
  });
}
