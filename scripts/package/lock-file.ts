import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../bundle.ts';

/** An entry of package-lock.json, as far as it is read here (npm, "package-lock.json", lockfileVersion 3). */
export interface LockedPackage {
  readonly name?: string;
  readonly version?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Packages by their path: `node_modules/pino`, `cloud`. */
export type LockedPackages = Readonly<Record<string, LockedPackage>>;

export function readLockFile(root = ROOT): LockedPackages {
  const { packages, lockfileVersion }: { packages: LockedPackages; lockfileVersion: number } = JSON.parse(
    readFileSync(join(root, 'package-lock.json'), 'utf8'),
  );
  if (lockfileVersion !== 3) throw new Error(`package-lock.json has version ${lockfileVersion}, and 3 is what is read here`);
  return packages;
}
