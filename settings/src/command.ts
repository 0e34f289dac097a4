import { type Command, Option } from 'commander';
import { readSettingsFile } from './file.ts';
import type { Sources } from './resolve.ts';
import { CONFIG_VARIABLE, flagName, type Setting } from './setting.ts';

/** How a flag's value is shown in a command's help. */
const PLACEHOLDERS: Readonly<Record<Setting['kind'], string>> = {
  text: '<text>',
  number: '<number>',
  boolean: '<true|false>',
  list: '<list>',
};

/** Gives a command --config and a flag for each setting. @returns the command */
export function addSettings(command: Command, table: readonly Setting[]): Command {
  command.option('--config <file>', `configuration file, YAML; also ${CONFIG_VARIABLE}`);
  for (const setting of table) command.addOption(optionFor(setting));
  return command;
}

/**
 * What was typed behind a command that has `addSettings`, the environment, and the file that either names.
 * @throws HawserError `bad_config` for a file that cannot be read
 */
export function sourcesOf(command: Command, table: readonly Setting[], env: Sources['env']): Sources {
  const given = command.opts<Record<string, string | undefined>>();
  const flags = new Map<string, string>();
  for (const setting of table) {
    const value = given[optionFor(setting).attributeName()];
    if (value !== undefined) flags.set(setting.path, value);
  }
  const variable = env[CONFIG_VARIABLE];
  if (given.config !== undefined) return { env, flags, file: readSettingsFile(given.config) };
  return { env, flags, file: variable ? readSettingsFile(variable, CONFIG_VARIABLE) : undefined };
}

/** Defaults are shown and not set: a flag that was not typed must not hide the file. */
function optionFor({ path, kind, fallback, help, choices }: Setting): Option {
  const shown = fallback === undefined ? '' : ` (default: ${fallback})`;
  const option = new Option(`${flagName(path)} ${PLACEHOLDERS[kind]}`, `${help}${shown}`);
  // Shown and completed, and not checked here: the schema does that for flags, variables and the file in the same words.
  if (choices !== undefined) option.argChoices = [...choices];
  else if (kind === 'boolean') option.argChoices = ['true', 'false'];
  return option;
}
