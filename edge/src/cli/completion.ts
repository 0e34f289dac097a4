import { QUERY_TABLE } from '@hawser/protocol';
import type { Command } from 'commander';

/** What a shell's own completion of files is for. */
const FILE_FLAGS = ['--config', '--data-dir', '--tls-cert', '--tls-key', '--tls-ca', '--token-file'];

/** The words that may follow: the commands, and the flags of each. */
function wordsOf(program: Command): { readonly commands: string[]; readonly flags: ReadonlyMap<string, string[]> } {
  const commands = program.commands.map((command) => command.name());
  const flags = new Map(
    program.commands.map((command) => [
      command.name(),
      command.options.flatMap(({ long, short }) => [long, short].filter((flag) => flag != null)),
    ]),
  );
  return { commands: [...commands, 'help'], flags };
}

/** What may follow a flag that wants a value, by the command: its choices, else nothing. */
function valuesOf(program: Command): string[] {
  return program.commands.flatMap((command) =>
    command.options
      .filter(({ required, long }) => required && !FILE_FLAGS.includes(long ?? ''))
      .map(({ long, short, argChoices = [] }) => {
        const before = [long, short].filter((flag) => flag != null).map((flag) => `"${command.name()} ${flag}"`);
        return `    ${before.join('|')}) COMPREPLY=($(compgen -W "${argChoices.join(' ')}" -- "$current")); return ;;`;
      }),
  );
}

const RESOURCES =
  'pods configmaps secrets nodes services endpoints endpointslices serviceaccounts namespaces persistentvolumes ' +
  'persistentvolumeclaims volumeattachments runtimeclasses csidrivers events leases';

const QUERIED = QUERY_TABLE.filter(({ type }) => type === 'get')
  .map(({ resource }) => resource.split('/').at(-1))
  .join(' ');

/** For `source <(hawser-agent completion bash)`. */
export function bashCompletion(program: Command): string {
  const { commands, flags } = wordsOf(program);
  const cases = [...flags].map(([command, words]) => `    ${command}) words="${words.join(' ')}${extraWords(command)}" ;;`);
  return `_hawser_agent() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.join(' ')}" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[COMP_CWORD-1]}" in
    ${FILE_FLAGS.join('|')}) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  case "\${COMP_WORDS[1]} \${COMP_WORDS[COMP_CWORD-1]}" in
${valuesOf(program).join('\n')}
  esac
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    *) words="" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _hawser_agent hawser-agent
`;
}

/** For `source <(hawser-agent completion zsh)`: zsh runs bash's functions. */
export function zshCompletion(program: Command): string {
  return `autoload -U +X bashcompinit && bashcompinit\n${bashCompletion(program)}`;
}

function extraWords(command: string): string {
  if (command === 'query') return ` ${QUERIED}`;
  if (command === 'get') return ` ${RESOURCES}`;
  return command === 'completion' ? ' bash zsh' : '';
}
