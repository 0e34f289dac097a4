import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';

/** The clock of the machine that nobody can set. */
export interface Uptime {
  readonly bootId: string;
  /** Since the boot of the machine, suspend included, in milliseconds. */
  now(): number;
}

/** Random, made by Linux at each boot. */
const BOOT_ID_FILE = '/proc/sys/kernel/random/boot_id';

/** On a system without boot ids each start of the agent counts as one of the machine. */
export function systemUptime(): Uptime {
  return { bootId: readBootId() ?? randomUUID(), now: () => uptime() * 1000 };
}

function readBootId(): string | undefined {
  try {
    return readFileSync(BOOT_ID_FILE, 'utf8').trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EACCES')) return undefined;
    throw error;
  }
}
