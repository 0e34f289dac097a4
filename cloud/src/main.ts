#!/usr/bin/env node
import { pipeWriter } from '@hawser/settings';
import { pino } from 'pino';
import { EXIT } from './cli/index.ts';
import { systemClock } from './clock.ts';
import { runCli } from './ops/cli.ts';
import type { Config } from './ops/settings.ts';
import { endBetweenTurns, untilStopped } from './ops/signals.ts';
import { startRelay } from './relay.ts';
import { RELAY_VERSION } from './relay-version.ts';

async function run({ settings, unknownVariables }: Config): Promise<void> {
  const logger = pino({
    base: { name: 'hawser-relay' },
    level: settings.logLevel,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
  if (unknownVariables.length > 0) logger.warn({ names: unknownVariables }, 'variables that are no settings');
  const stopped = untilStopped(process, () => process.exit(EXIT.failed));
  const relay = await startRelay({ settings, clock: systemClock, random: Math.random, logger });
  const { linkPort, opsPort, adminPort } = relay;
  logger.info({ linkPort, opsPort, adminPort, version: RELAY_VERSION, pid: process.pid }, 'relay listening');
  const signal = await stopped;
  logger.info({ signal }, 'relay stopping');
  await relay.stop();
  logger.info('relay stopped');
}

let drawsOnTerminal = false;

/** A window without a size, as a serial line has, is one of the oldest terminals (VT100). */
function terminal(): { readonly columns: number; readonly rows: number } | undefined {
  if (!process.stdout.isTTY || (process.env.TERM ?? 'dumb') === 'dumb') return undefined;
  // A frame that is cut in two would leave a terminal that does not wrap lines.
  if (!drawsOnTerminal) endBetweenTurns(process, (signal) => process.kill(process.pid, signal));
  drawsOnTerminal = true;
  return { columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 };
}

process.exitCode = await runCli(process.argv.slice(2), {
  version: RELAY_VERSION,
  env: process.env,
  write: pipeWriter(() => process.stdout, process.exit),
  terminal,
  writeError: pipeWriter(() => process.stderr, process.exit),
  run,
});
