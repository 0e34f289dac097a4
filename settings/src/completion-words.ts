import type { Command } from 'commander';

export interface CompletionOptions {
  /** Flags whose values are paths: the shell's own completion of files serves them. */
  readonly fileFlags: readonly string[];
  /** Words that may follow a command beside its flags, by its path: `get` → `pods configmaps …`. */
  readonly words?: Readonly<Record<string, string>>;
}

/** A command as a shell has it on its line: `ca rotate` is at `/ca/rotate`, the program itself at the empty path. */
export interface At {
  readonly path: string;
  readonly command: Command;
}

export function commandsBelow(at: At): At[] {
  const below = at.command.commands.map((command) => ({ path: `${at.path}/${command.name()}`, command }));
  return [at, ...below.flatMap(commandsBelow)];
}

/** What may stand behind a command beside its flags, as far as it is a fixed set. */
export function argumentsOf({ path, command }: At, words: NonNullable<CompletionOptions['words']>): string[] {
  const choices = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
  const more = words[path.slice(1).replaceAll('/', ' ')];
  return [...choices, ...(more === undefined ? [] : more.split(' '))];
}
