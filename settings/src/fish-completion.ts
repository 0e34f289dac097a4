import type { Command, Option } from 'commander';
import { type At, argumentsOf, type CompletionOptions, commandsBelow } from './completion-words.ts';

/**
 * For `PROGRAM completion fish > ~/.config/fish/completions/PROGRAM.fish`: the same as for bash, with the descriptions of commands and
 * flags beside them. A line for each word that may come, with the condition under which it may: fish's own way.
 */
export function fishCompletion(program: Command, { fileFlags, words = {} }: CompletionOptions): string {
  const all = commandsBelow({ path: '', command: program });
  const name = program.name();
  const prefix = `__${name.replaceAll('-', '_')}`;
  const paths = all.map(({ path }) => path).filter((path) => path !== '');
  const lines = all.flatMap((at) => {
    const { path, command } = at;
    const here = `complete -c ${name} -n '${prefix}_is "${path}"'`;
    const below = command.commands.map((one) => `${here} -a ${one.name()} -d ${quoted(one.description())}`);
    const more = [...(path === '' ? ['help'] : []), ...argumentsOf(at, words)];
    return [
      ...below,
      ...(more.length === 0 ? [] : [`${here} -a ${quoted(more.join(' '))}`]),
      ...flagsAt(at).map((option) => `${here}${flagWords(option, fileFlags)}`),
    ];
  });
  return `function ${prefix}_at
  set -l at ""
  for word in (commandline -opc)[2..-1]
    switch "$at/$word"
      case ${paths.join(' ')}
        set at "$at/$word"
    end
  end
  echo $at
end
function ${prefix}_is
  set -l at (${prefix}_at)
  test "$at" = "$argv[1]"
end
complete -c ${name} -e
complete -c ${name} -f
${lines.join('\n')}
`;
}

/** Behind the program's name come commands; its own flags are the two that every program has. */
function flagsAt({ path, command }: At): readonly Option[] {
  return path === '' ? [] : command.options;
}

function flagWords({ long, short, required, description, argChoices }: Option, fileFlags: readonly string[]): string {
  const flags = [long == null ? '' : ` -l ${long.slice(2)}`, short == null ? '' : ` -s ${short.slice(1)}`].join('');
  const value = fileFlags.includes(long ?? '') ? ' -r -F' : required ? ` -x -a ${quoted((argChoices ?? []).join(' '))}` : '';
  return `${flags}${value} -d ${quoted(description)}`;
}

/** In single quotes only these two mean anything to fish. */
function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&').replaceAll(/\s+/g, ' ')}'`;
}
