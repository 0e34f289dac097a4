import { writeSync } from 'node:fs';
import { keySeal } from './key-seal.ts';
import { openStore } from './open.ts';
import type { Seal } from './seal.ts';
import { clock, silent } from './testing.ts';

/**
 * The process that `sealing.test.ts` kills: opens a store with its key, and says each time that it has sealed so many texts. With a
 * number it kills itself once it has said so that often: between two steps, and never after the last.
 */

const TEXTS = 40;

const [, script, path, steps] = process.argv;
const killAfter = steps === undefined ? undefined : Number(steps) * TEXTS;

function telling(seal: Seal): Seal {
  let texts = 0;
  return {
    ...seal,
    seal(text, about) {
      if (++texts % TEXTS === 0) writeSync(1, `${texts}\n`);
      if (texts === killAfter) process.kill(process.pid, 'SIGKILL');
      return seal.seal(text, about);
    },
  };
}

if (script === import.meta.filename && path !== undefined) {
  openStore({ path, logger: silent, clock, seal: telling(keySeal(Buffer.alloc(32, 1))) }).close();
}
