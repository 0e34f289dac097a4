import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HawserError } from '@hawser/protocol';
import { AGENT_FACTS } from '../../ops/facts.ts';
import { storePath } from '../../ops/paths.ts';
import { spaceOf } from '../../ops/space.ts';
import type { ReadonlyStore } from '../../store/index.ts';
import { askHowItIs } from '../ask-agent.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import type { CliIo } from '../io.ts';
import { openToRead } from '../open-store.ts';
import { concernsOf } from './concerns.ts';
import { describe } from './describe.ts';
import { identityIn, reportOn, type StatusSources } from './report.ts';
import type { StatusReport } from './types.ts';

/** A running agent answers in milliseconds; one that hangs must not keep the rest from being told, in milliseconds. */
const ASK_TIMEOUT_MS = 3_000;
/** Between two looks of `--watch`, in milliseconds: each reads the store's tables once. */
const WATCH_MS = 2_000;
/** Clears the terminal and goes to its corner (ECMA-48: CUP, ED). */
const CLEAR = '\x1b[H\x1b[2J';

export interface StatusRequest {
  readonly dataDir: string;
  readonly output: 'text' | 'json';
  /** Ends with 1 where something wants an operator. */
  readonly check: boolean;
  /** Again and again until it is interrupted. */
  readonly watch: boolean;
}

/** Shows how agent, link and store are, beside a running agent or without one. @throws CommandFailure */
export async function status(request: StatusRequest, io: CliIo): Promise<void> {
  const { dataDir, output, check, watch } = request;
  const signal = watch ? io.interrupted() : undefined;
  for (;;) {
    const report = await lookAt(dataDir, io.now());
    const shown = output === 'json' ? `${JSON.stringify(report, null, watch ? 0 : 2)}\n` : describe(report, io.now());
    io.write(watch && output === 'text' && io.isTerminal === true ? `${CLEAR}${shown}` : shown);
    if (signal === undefined) {
      if (check && report.concerns.length > 0) throw new CommandFailure(EXIT.failed, inOneLine(report));
      return;
    }
    await sleep(WATCH_MS, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
  }
}

function inOneLine({ concerns }: StatusReport): string {
  return `something wants an operator: ${concerns.map(({ code }) => code).join(', ')}`;
}

async function lookAt(dataDir: string, now: Date): Promise<StatusReport> {
  const identity = identityIn(dataDir);
  if (identity !== undefined && !existsSync(storePath(dataDir))) {
    throw new CommandFailure(
      EXIT.failed,
      `this device has joined as ${identity.nodeName}, and its agent has not run yet: hawser-agent run`,
    );
  }
  const store = openToRead(dataDir);
  try {
    const live = await askTheAgent(dataDir, store);
    const report = reportOn({ store, live, identity, space: spaceOf(dirname(store.path)), now });
    return { ...report, concerns: concernsOf(report) };
  } finally {
    store.close();
  }
}

async function askTheAgent(dataDir: string, store: ReadonlyStore): Promise<StatusSources['live']> {
  if (!store.running) return undefined;
  // An agent that is just starting has not said where yet, or where the one before it was.
  const server = store.facts()[AGENT_FACTS.localApi];
  if (server === undefined) return { silent: 'it has just begun to start' };
  try {
    return (await askHowItIs(dataDir, server, ASK_TIMEOUT_MS)) ?? { silent: `nothing listens at ${server}` };
  } catch (error) {
    if (error instanceof CommandFailure || error instanceof HawserError) return { silent: error.message };
    throw error;
  }
}
