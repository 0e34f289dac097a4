import { Argument, type Command } from 'commander';
import { type At, argumentsOf, type CompletionOptions, commandsBelow } from './completion-words.ts';
import { fishCompletion } from './fish-completion.ts';

/** For `source <(PROGRAM completion bash)`: commands at any depth, flags, and the values of those that have choices. */
export function bashCompletion(program: Command, { fileFlags, words = {} }: CompletionOptions): string {
  const all = commandsBelow({ path: '', command: program });
  const name = `_${program.name().replaceAll('-', '_')}`;
  const following = all.map((at) => {
    const { path, command } = at;
    const own = path === '' ? ['help'] : flagsOf(command);
    const list = [...command.commands.map((below) => below.name()), ...own, ...argumentsOf(at, words)];
    return `    "${path}") words="${list.join(' ')}" ;;`;
  });
  return `${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" path="" word words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path/$word" in
      ${all
        .filter(({ path }) => path !== '')
        .map(({ path }) => path)
        .join('|')}) path="$path/$word" ;;
    esac
  done
  case "$before" in
    ${fileFlags.join('|')}) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  case "$path $before" in
${all.flatMap((at) => valuesOf(at, fileFlags)).join('\n')}
  esac
  case "$path" in
${following.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F ${name} ${program.name()}
`;
}

/** For `source <(PROGRAM completion zsh)`: zsh runs bash's functions. */
export function zshCompletion(program: Command, options: CompletionOptions): string {
  return `autoload -U +X bashcompinit && bashcompinit\n${bashCompletion(program, options)}`;
}

function flagsOf({ options }: Command): string[] {
  return options.flatMap(({ long, short }) => [long, short].filter((flag) => flag != null));
}

/** What may follow a flag that wants a value: its choices, else nothing. */
function valuesOf({ path, command }: At, fileFlags: readonly string[]): string[] {
  return command.options
    .filter(({ required, long }) => required && !fileFlags.includes(long ?? ''))
    .map(({ long, short, argChoices = [] }) => {
      const flags = [long, short].filter((flag) => flag != null).map((flag) => `"${path} ${flag}"`);
      return `    ${flags.join('|')}) COMPREPLY=($(compgen -W "${argChoices.join(' ')}" -- "$current")); return ;;`;
    });
}

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

/** Adds `completion bash|zsh|fish`, which prints the script for all commands that the program has when it is run. */
export function addCompletion(program: Command, options: CompletionOptions, write: (text: string) => void): void {
  const name = program.name();
  program
    .command('completion')
    .description('print a script that completes command lines')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(SHELLS)))
    .action((shell: keyof typeof SHELLS) => write(SHELLS[shell](program, options)))
    .addHelpText(
      'after',
      `
Examples:
  source <(${name} completion bash)                                        # in this shell; in ~/.bashrc for all
  ${name} completion bash > /etc/bash_completion.d/${name}                 # for all users
  source <(${name} completion zsh)                                         # in ~/.zshrc, behind compinit
  ${name} completion fish > ~/.config/fish/completions/${name}.fish
`,
    );
}
