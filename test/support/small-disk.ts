import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** A file system of its own that a test can fill. */
export interface SmallDisk {
  readonly folder: string;
  /** To the last byte. */
  fill(): void;
  /** Takes away what `fill` has written. */
  free(): void;
}

export const NOTHING_MOUNTED = 'nothing can be mounted here: it takes root';

/** @returns undefined where this user may mount nothing: then the test is skipped. @throws Error in its place where CI is set */
export function smallDisk(t: TestContext, bytes: number): SmallDisk | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-disk-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0700`, 'hawser-test', folder]);
  if (status !== 0) {
    rmSync(folder, { recursive: true });
    if (process.env.CI) throw new Error(NOTHING_MOUNTED);
    return undefined;
  }
  t.after(() => {
    // A process that still has a file open there keeps only its memory.
    spawnSync('umount', ['--lazy', folder]);
    rmSync(folder, { recursive: true });
  });
  const filler = join(folder, 'filler');
  return {
    folder,
    fill() {
      const file = openSync(filler, 'a');
      try {
        for (const size of [64 * 1024, 4 * 1024, 1]) fillBy(file, Buffer.alloc(size));
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler),
  };
}

function fillBy(file: number, piece: Buffer): void {
  try {
    while (writeSync(file, piece) === piece.length);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
}
