import { HawserError } from '@hawser/protocol';
import { LOG_LEVELS } from '@hawser/settings';
import { Argument } from 'commander';
import { ADMIN_PATHS, LogLevelAnswer } from '../admin/index.ts';
import { alignColumns } from './columns.ts';
import { addFleet, asFleet, askAll, FLEET_HELP, unanswered } from './fleet/fleet.ts';
import type { CommandGroup } from './io.ts';

const HELP = `
Without a level: how much each replica logs now. With one, all replicas log so from now on, until they start anew or --reset takes them
back to their settings; each says in its log who has changed it. debug and trace cost time where many devices are linked.

Examples:
  hawser-relay log-level
  hawser-relay log-level debug
  hawser-relay log-level debug --replica https://127.0.0.1:8444
  hawser-relay log-level --reset
${FLEET_HELP}`;

/** `hawser-relay log-level` */
export const logLevelCommand: CommandGroup = (program, io) => {
  const command = program
    .command('log-level')
    .description('show or change how much the replicas log, while they run')
    .addArgument(new Argument('[level]', 'from now on').choices(LOG_LEVELS))
    .option('--reset', 'back to what the settings say', false)
    .addHelpText('after', HELP);
  addFleet(command).action((level: string | undefined, { reset }: { reset: boolean }) =>
    asFleet(command, io, async (fleet) => {
      if (reset && level !== undefined)
        throw new HawserError('bad_config', 'a level and --reset say different things: give one of them');
      const path = ADMIN_PATHS.logLevel;
      const change = { path, method: 'PUT' as const, body: JSON.stringify({ level: level ?? null }) };
      const said = await askAll(fleet, await fleet.places(), reset || level !== undefined ? change : { path }, LogLevelAnswer);
      const rows = said.flatMap(({ answer }) =>
        answer.type === 'answer' ? [[answer.value.replica, answer.value.level, answer.value.set]] : [],
      );
      if (rows.length > 0) io.write(alignColumns([['REPLICA', 'LEVEL', 'SET'], ...rows]));
      return unanswered(said);
    }),
  );
};
