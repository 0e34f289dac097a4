import { readFileSync } from 'node:fs';
import { arch, availableParallelism, networkInterfaces, release, totalmem } from 'node:os';
import type { NodeFacts } from '../workload/index.ts';

/** What can be found out about this machine. What cannot is left empty: nothing depends on it. */
export function deviceFacts(nodeName: string): NodeFacts {
  return {
    name: nodeName,
    architecture: GO_ARCHITECTURES.get(arch()) ?? arch(),
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(readOr('/etc/os-release', ''))?.[1] ?? 'Linux',
    machineId: readOr('/etc/machine-id', '').trim(),
    bootId: readOr('/proc/sys/kernel/random/boot_id', '').trim(),
    hostIp: hostAddress(),
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
  };
}

const GO_ARCHITECTURES: ReadonlyMap<string, string> = new Map([
  ['x64', 'amd64'],
  ['arm64', 'arm64'],
  ['arm', 'arm'],
  ['riscv64', 'riscv64'],
]);

/** The first IPv4 address that is not loopback's; a device without a network has only that. */
function hostAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}

function readOr(path: string, fallback: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Not every system has these files, and a Node without them is a Node all the same.
    return fallback;
  }
}
