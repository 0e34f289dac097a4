import { runCli } from '../../edge/src/cli/index.ts';

export interface CommandLine {
  readonly help: string;
  readonly commands: readonly { readonly name: string; readonly help: string }[];
  readonly bashCompletion: string;
}

/** What the agent's command line says of itself, in this process: the executable may be for another architecture. */
export async function describeCommandLine(version: string): Promise<CommandLine> {
  const says = async (...words: string[]) => {
    let said = '';
    const code = await runCli(words, {
      version,
      env: {},
      write: (text) => {
        said += text;
      },
      writeError: (text) => process.stderr.write(text),
      now: () => new Date(0),
      hostName: () => 'device',
      interrupted: () => new AbortController().signal,
      run: async () => {
        throw new Error('asked to run the agent');
      },
    });
    if (code !== 0) throw new Error(`hawser-agent ${words.join(' ')} ended with ${code}`);
    return said;
  };
  const below = async (...path: string[]): Promise<CommandLine['commands']> => {
    const help = await says(...path, '--help');
    const [, list = ''] = /^Commands:\n((?: {2}.*\n)+)/m.exec(help) ?? [];
    const names = [...list.matchAll(/^ {2}([a-z]\S*)/gm)].map(([, name = '']) => name).filter((name) => name !== 'help');
    const inner = (await Promise.all(names.map((name) => below(...path, name)))).flat();
    return path.length === 0 ? inner : [{ name: path.join(' '), help }, ...inner];
  };
  return { help: await says('--help'), commands: await below(), bashCompletion: await says('completion', 'bash') };
}
