#!/usr/bin/env node
import './cli/hide-arguments.ts';
import './small-heap.ts';
import { hostname } from 'node:os';
import { pipeWriter } from '@hawser/settings';
import { pino } from 'pino';
import { AGENT_VERSION } from './agent-version.ts';
import { systemClock } from './api/clock.ts';
import { EXIT, runCli } from './cli/index.ts';
import type { Config } from './ops/settings.ts';
import { untilStopped } from './ops/signals.ts';

async function run({ settings, unknownVariables }: Config): Promise<void> {
  const logger = pino({
    base: { name: 'hawser-agent' },
    level: settings.logLevel,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
  if (unknownVariables.length > 0) logger.warn({ names: unknownVariables }, 'variables that are no settings');
  // Loaded here, so that the commands that only read start quickly.
  const { startAgent } = await import('./agent.ts');
  const stopped = untilStopped(process, () => process.exit(EXIT.failed));
  for (;;) {
    const { nodeName, localApi, store, opsPort, roomAgain, stop } = await startAgent({
      settings,
      credentials: process.env.CREDENTIALS_DIRECTORY,
      environment: process.env,
      clock: systemClock,
      random: Math.random,
      logger,
    });
    logger.info({ localApi, node: nodeName, store, opsPort, version: AGENT_VERSION, pid: process.pid }, 'agent started');
    const signal = await (roomAgain === undefined ? stopped : Promise.race([stopped, roomAgain]));
    if (signal === undefined) {
      logger.warn('there is room on the disk again: the agent starts anew, with its store');
      await stop('again');
      continue;
    }
    logger.info({ signal }, 'agent stopping');
    await stop();
    break;
  }
  logger.info('agent stopped');
}

function interrupted(): AbortSignal {
  const interrupting = new AbortController();
  void untilStopped(process, () => process.exit(EXIT.interrupted)).then((signal) => interrupting.abort(signal));
  return interrupting.signal;
}

process.exitCode = await runCli(process.argv.slice(2), {
  version: AGENT_VERSION,
  env: process.env,
  write: pipeWriter(() => process.stdout, process.exit),
  writeError: pipeWriter(() => process.stderr, process.exit),
  isTerminal: process.stdout.isTTY && process.stderr.isTTY,
  now: () => new Date(),
  hostName: hostname,
  interrupted,
  run,
});
