import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './processes.ts';

/**
 * The commands that a page of the documentation gives under a heading, one a line, comments left out: what readers copy is what a test runs.
 * @param page from the root: `docs/operations.md`
 * @param heading without its `#`
 * @throws where there is no such heading, or no command under it
 */
export function commandsOf(page: string, heading: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const sections = text.split(/^#{1,6} /m);
  const section = sections.find((each) => each.split('\n', 1)[0] === heading);
  const blocks = [...(section ?? '').matchAll(/^ *```sh\n(.*?)^ *```$/gms)].map(([, block = '']) => block);
  const commands = blocks
    .flatMap((block) => block.replaceAll(/\\\n\s*/g, '').split('\n'))
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '');
  if (commands.length === 0) throw new Error(`${page} has no commands under "${heading}"`);
  return commands;
}
