import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MemoryFacts } from '../checks/memory.ts';

/** What Linux says (proc(5), cgroups(7)), of the system and of that process. What this user may not see is undefined. */
export function lookAtMemory(pid: number | undefined): MemoryFacts {
  const available = kibibytesIn(read('/proc/meminfo'), 'MemAvailable');
  const resident = pid === undefined ? undefined : kibibytesIn(read(`/proc/${pid}/status`), 'VmRSS');
  return {
    availableBytes: available,
    agent: resident === undefined ? undefined : { residentBytes: resident, openFiles: openFilesOf(pid) },
    group: pid === undefined ? undefined : groupOf(pid),
  };
}

/** Names of variables of that process among these, with what they hold; undefined where this user may not look. */
export function environmentOf(pid: number, names: readonly string[]): ReadonlyMap<string, string> | undefined {
  const text = read(`/proc/${pid}/environ`);
  if (text === undefined) return undefined;
  return new Map(
    text.split('\0').flatMap((entry) => {
      const at = entry.indexOf('=');
      const name = entry.slice(0, at);
      return at > 0 && names.includes(name) ? [[name, entry.slice(at + 1)] as const] : [];
    }),
  );
}

function openFilesOf(pid: number | undefined): number | undefined {
  const soft = /^Max open files\s+(\d+)/m.exec(read(`/proc/${pid}/limits`) ?? '')?.[1];
  return soft === undefined ? undefined : Number(soft);
}

function groupOf(pid: number): MemoryFacts['group'] {
  const group = /^0::(\/.*)$/m.exec(read(`/proc/${pid}/cgroup`) ?? '')?.[1];
  if (group === undefined) return undefined;
  const [limit, used] = ['memory.max', 'memory.current'].map((file) => Number(read(join('/sys/fs/cgroup', group, file))));
  // "max" is no number: it has no bound.
  return limit === undefined || used === undefined || Number.isNaN(limit) || Number.isNaN(used) || limit === 0
    ? undefined
    : { limitBytes: limit, usedBytes: used };
}

function kibibytesIn(text: string | undefined, name: string): number | undefined {
  const value = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text ?? '')?.[1];
  return value === undefined ? undefined : Number(value) * 1024;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Not there on this system, gone with its process, or of another user.
    return undefined;
  }
}
