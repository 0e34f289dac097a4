import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NODE, ROOT } from '../support/processes.ts';

/** What the played kubelet does from its next start on. */
export interface PlayedScript {
  /** `v1.36.2` */
  readonly version: string;
  /** Where it writes down what it does. */
  readonly journal: string;
  /** Lines on standard error at its start. */
  readonly says?: readonly string[];
  /** It ends at once with that code. */
  readonly endsWith?: number;
  readonly ignoresTerm?: boolean;
}

export type JournalEntry =
  | { readonly event: 'started'; readonly pid: number; readonly args: readonly string[]; readonly variables: readonly string[] }
  | { readonly event: 'asked to end' | 'interrupted' | 'ended'; readonly pid: number }
  /** A happening of the played kubelet. */
  | { readonly event: 'played'; readonly pid: number; readonly what: string };

/** A played kubelet as a program of its own, as an agent finds and starts it. */
export interface KubeletProgram {
  readonly path: string;
  /** What it does from its next start on; what is not named is as a stock one does it. */
  play(script: Partial<Omit<PlayedScript, 'journal'>>): void;
  journal(): readonly JournalEntry[];
}

const MAIN = join(ROOT, 'test', 'runner', 'played-kubelet.ts');

/** @param dir for the program, its script and its journal */
export function kubeletProgram(dir: string): KubeletProgram {
  const [path, script, journal] = [join(dir, 'kubelet'), join(dir, 'script.json'), join(dir, 'journal')];
  writeFileSync(path, `#!/bin/sh\nexec ${NODE} ${MAIN} ${script} "$@"\n`, { mode: 0o755 });
  const play: KubeletProgram['play'] = (changes) => {
    writeFileSync(script, JSON.stringify({ version: 'v1.36.2', journal, ...changes } satisfies PlayedScript));
  };
  play({});
  return {
    path,
    play,
    journal() {
      if (!existsSync(journal)) return [];
      // The last line may be in the making.
      const lines = readFileSync(journal, 'utf8').split('\n').slice(0, -1);
      return lines.map((line): JournalEntry => JSON.parse(line));
    },
  };
}
