import { Argument, type Command } from 'commander';

export interface CompletionOptions {
  /** Flags whose values are paths: the shell's own completion of files serves them. */
  readonly fileFlags: readonly string[];
  /** Words that may follow a command beside its flags, by its path: `get` → `pods configmaps …`. */
  readonly words?: Readonly<Record<string, string>>;
}

/** A command as a shell has it on its line: `ca rotate` is at `/ca/rotate`, the program itself at the empty path. */
interface At {
  readonly path: string;
  readonly command: Command;
}

/** For `source <(PROGRAM completion bash)`: commands at any depth, flags, and the values of those that have choices. */
export function bashCompletion(program: Command, { fileFlags, words = {} }: CompletionOptions): string {
  const all = commandsBelow({ path: '', command: program });
  const name = `_${program.name().replaceAll('-', '_')}`;
  const following = all.map(({ path, command }) => {
    const own = path === '' ? ['help'] : flagsOf(command);
    const more = words[path.slice(1).replaceAll('/', ' ')];
    const choices = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
    const list = [...command.commands.map((below) => below.name()), ...own, ...choices, ...(more === undefined ? [] : [more])];
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

function commandsBelow(at: At): At[] {
  const below = at.command.commands.map((command) => ({ path: `${at.path}/${command.name()}`, command }));
  return [at, ...below.flatMap(commandsBelow)];
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

/** Adds `completion bash|zsh`, which prints the script for all commands that the program has when it is run. */
export function addCompletion(program: Command, options: CompletionOptions, write: (text: string) => void): void {
  const name = program.name();
  program
    .command('completion')
    .description(`print a script that completes command lines: source <(${name} completion bash)`)
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh']))
    .action((shell: 'bash' | 'zsh') =>
      write(shell === 'bash' ? bashCompletion(program, options) : zshCompletion(program, options)),
    );
}
