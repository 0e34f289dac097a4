import { HawserError } from '@hawser/protocol';
import { type Sources, sourcesOf } from '@hawser/settings';
import { type Command, Option } from 'commander';
import { SETTINGS } from '../ops/settings.ts';
import { CONFIG_PLACE } from './config-place.ts';
import type { CliIo } from './io.ts';

/** `--kubelet` of a command: short for `--workload kubelet`, and with a value for `--kubelet-path` too. @returns the command */
export function addKubeletFlag(command: Command): Command {
  return command.addOption(
    new Option(
      '--kubelet [path]',
      'a stock kubelet runs the pods: of that path, else one that is found; external: systemd starts it',
    ),
  );
}

/** @throws HawserError `bad_config` for flags that say something else */
export function sourcesWithKubelet(command: Command, env: CliIo['env']): Sources {
  const sources = sourcesOf(command, SETTINGS, env, CONFIG_PLACE);
  const { kubelet } = command.opts<{ kubelet?: string | true }>();
  if (kubelet === undefined) return sources;
  const meant = new Map([['workload', 'kubelet'], ...(kubelet === true ? [] : [['kubelet.path', kubelet] as const])]);
  for (const [path, value] of meant) {
    const said = sources.flags.get(path);
    if (said !== undefined && said !== value) {
      throw new HawserError(
        'bad_config',
        `${path}: --kubelet means ${value}, and another flag says ${said}: leave one of them out`,
      );
    }
  }
  return { ...sources, flags: new Map([...sources.flags, ...meant]) };
}
