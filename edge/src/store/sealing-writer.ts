import { writeSync } from 'node:fs';
import { keySeal } from './key-seal.ts';
import { openStore } from './open.ts';
import type { Seal } from './seal.ts';
import { clock, silent } from './testing.ts';

/** The process that `sealing.test.ts` kills: opens a store with its key, and says each time that it has sealed so many texts. */

const TEXTS = 40;

function telling(seal: Seal): Seal {
  let texts = 0;
  return {
    ...seal,
    seal(text, about) {
      if (++texts % TEXTS === 0) writeSync(1, `${texts}\n`);
      return seal.seal(text, about);
    },
  };
}

const [, script, path] = process.argv;
if (script === import.meta.filename && path !== undefined) {
  openStore({ path, logger: silent, clock, seal: telling(keySeal(Buffer.alloc(32, 1))) }).close();
}
