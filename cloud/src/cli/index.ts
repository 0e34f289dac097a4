import { caCommands } from './ca.ts';
import { deviceCommands } from './devices.ts';
import type { CommandGroup } from './io.ts';
import { logLevelCommand } from './log-level.ts';
import { nodeCommand } from './node.ts';
import { nodesCommand } from './nodes.ts';
import { tokenCommands } from './token.ts';

export { CONFIG_PLACE } from './config-place.ts';
export { EXIT } from './exit.ts';
export type { CliIo, CommandGroup } from './io.ts';

/** The commands of an administrator, one file for each group. They run once and end; the relay itself need not run. */
export const COMMAND_GROUPS: readonly CommandGroup[] = [
  nodesCommand,
  nodeCommand,
  logLevelCommand,
  caCommands,
  deviceCommands,
  tokenCommands,
];
