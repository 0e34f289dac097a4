import { type Command, Option } from 'commander';
import { findSettingsFile, readSettingsFile, type SettingsFile } from './file.ts';
import type { Sources } from './resolve.ts';
import { CONFIG_VARIABLE, type ConfigPlace, environmentName, flagName, type Setting } from './setting.ts';

/** How a flag's value is shown in a command's help. */
const PLACEHOLDERS: Readonly<Record<Setting['kind'], string>> = {
  text: '<text>',
  number: '<number>',
  boolean: '<true|false>',
  list: '<list>',
};

/** Gives a command --config and a flag for each setting. @returns the command */
export function addSettings(command: Command, table: readonly Setting[], { variable, standard }: ConfigPlace): Command {
  const searched = table.some(({ path }) => path === standard?.unlessGiven) ? standard : undefined;
  const otherwise =
    searched === undefined
      ? ''
      : `; without either ${searched.path}, if it is there and no ${flagName(searched.unlessGiven)} is given`;
  command.option('--config <file>', `configuration file, YAML; also ${variable} or ${CONFIG_VARIABLE}${otherwise}`);
  for (const setting of table) command.addOption(optionFor(setting));
  return command;
}

/**
 * What was typed behind a command that has `addSettings`, the environment, and the file: the one that either names, or the standard one.
 * @throws HawserError `bad_config` for a file that cannot be read
 */
export function sourcesOf(command: Command, table: readonly Setting[], env: Sources['env'], place: ConfigPlace): Sources {
  const given = command.opts<Record<string, string | undefined>>();
  const flags = new Map<string, string>();
  for (const setting of table) {
    const value = given[optionFor(setting).attributeName()];
    if (value !== undefined) flags.set(setting.path, value);
  }
  return { env, flags, file: fileFor(command, env, place) };
}

function fileFor(command: Command, env: Sources['env'], { variable, standard }: ConfigPlace): SettingsFile | undefined {
  const given = command.opts<Record<string, string | undefined>>();
  if (given.config !== undefined) return readSettingsFile(given.config);
  const variables = [variable, CONFIG_VARIABLE];
  for (const name of variables) {
    const path = env[name];
    if (path) return readSettingsFile(path, name);
  }
  // An empty one says that there is to be no file.
  if (standard === undefined || variables.some((name) => env[name] !== undefined)) return undefined;
  const option = command.options.find(({ long }) => long === flagName(standard.unlessGiven));
  if (option === undefined || given[option.attributeName()] !== undefined) return undefined;
  return env[environmentName(standard.unlessGiven)] ? undefined : findSettingsFile(standard.path);
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
