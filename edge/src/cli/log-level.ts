import { HawserError } from '@hawser/protocol';
import { addSettings, LOG_LEVELS, type LogLevel, type LogLevelState } from '@hawser/settings';
import { Argument, type Command, Option } from 'commander';
import { AGENT_FACTS } from '../ops/facts.ts';
import { askLogLevel } from './ask-agent.ts';
import { CONFIG_PLACE } from './config-place.ts';
import { CommandFailure, EXIT } from './exit.ts';
import type { CliIo } from './io.ts';
import { requireOwner } from './kubeconfig.ts';
import { dataDirOf, READING } from './needed-settings.ts';
import { withStore } from './open-store.ts';

const HELP = `
Without a level it shows what holds now. Another level holds until it is changed again or the agent ends: the setting logLevel says where
it starts. That it was changed is said in the log. Only root and the user whose the data folder is may do either.

Examples:
  hawser-agent log-level
  hawser-agent log-level debug
  hawser-agent log-level --reset          # back to the setting logLevel

Exit codes: 0 shown or changed, 1 no agent runs, or it does not take it, 2 wrong command line.
`;

interface Flags {
  readonly reset?: boolean;
  readonly output: 'text' | 'json';
}

/** `hawser-agent log-level [LEVEL]`. */
export function addLogLevelCommand(program: Command, io: CliIo): void {
  const command = program
    .command('log-level')
    .description("show or change the level of the running agent's log")
    .addArgument(new Argument('[level]', 'from the one that says most').choices(LOG_LEVELS))
    .option('--reset', 'back to the setting logLevel')
    .addOption(new Option('-o, --output <format>', 'format').choices(['text', 'json']).default('text'));
  addSettings(command, READING, CONFIG_PLACE).action(async (level: LogLevel | undefined) => {
    const { reset = false, output } = command.opts<Flags>();
    if (reset && level !== undefined) throw new HawserError('bad_config', '--reset is for no level: give the one or the other');
    const state = await changed(dataDirOf(command, io.env), reset ? null : level);
    io.write(output === 'json' ? `${JSON.stringify(state)}\n` : describe(state));
  });
  command.addHelpText('after', HELP);
}

async function changed(dataDir: string, level: LogLevel | null | undefined): Promise<LogLevelState> {
  requireOwner(dataDir, process.geteuid?.());
  const { facts, running } = withStore(dataDir, (store) => ({ facts: store.facts(), running: store.running }));
  const server = facts[AGENT_FACTS.localApi];
  const state = running && server !== undefined ? await askLogLevel(dataDir, server, level) : undefined;
  if (state !== undefined) return state;
  throw new CommandFailure(EXIT.failed, 'the agent does not run: the setting logLevel says at which level its log begins');
}

function describe({ level, configured }: LogLevelState): string {
  return level === configured ? `${level}\n` : `${level} (until the agent ends; the setting logLevel is ${configured})\n`;
}
