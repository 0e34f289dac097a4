import assert from 'node:assert/strict';

/** Runs one command line of a program. @returns what it has printed */
export type Ask = (args: string[]) => Promise<{ readonly code: number; readonly out: string }>;

/**
 * Asks the program, and each of its commands and those below them, for its help: each must say with an example how it is called, and what
 * its exit codes mean, but for those that only print.
 * @returns the commands that were asked, `store rekey` for one below another
 */
export async function helpedCommands(program: string, ask: Ask): Promise<readonly string[]> {
  const seen: string[] = [];
  assert.match((await ask(['--help'])).out, new RegExp(`^Examples:\\n {2}${program} `, 'm'));
  for (const command of await commandsIn(ask)) {
    const below = await commandsIn(ask, command);
    for (const path of below.length === 0 ? [[command]] : below.map((name) => [command, name])) {
      const { code, out } = await ask([...path, '--help']);
      assert.equal(code, 0);
      assert.match(out, new RegExp(`^Examples?:\\n(?: {2}.*\\n)*? {2}.*${program} ${path.join(' ')}`, 'm'), path.join(' '));
      if (!['version', 'completion'].includes(command)) assert.match(out, /^Exit codes: 0 /m, path.join(' '));
      seen.push(path.join(' '));
    }
  }
  return seen;
}

/** The commands below one, by its help. */
async function commandsIn(ask: Ask, ...path: string[]): Promise<string[]> {
  const { out } = await ask([...path, '--help']);
  const [, listed = ''] = /^Commands:\n((?: {2}.*\n)+)/m.exec(out) ?? [];
  return [...listed.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name = '']) => name).filter((name) => name !== 'help');
}
