import { HawserError } from '@hawser/protocol';
import { AGENT_FACTS } from '../../../ops/facts.ts';
import { storePath } from '../../../ops/paths.ts';
import { readStore, storeRuns } from '../../../store/index.ts';
import { askHowItIs } from '../../ask-agent.ts';
import { CommandFailure } from '../../exit.ts';
import type { AgentFacts } from '../checks/agent.ts';

/** In milliseconds. */
const ASK_TIMEOUT_MS = 3_000;

export interface FoundAgent {
  readonly agent: AgentFacts;
  readonly facts: Readonly<Record<string, string>>;
}

/** Whether an agent runs in that folder, and what it says of itself. A store that is damaged says nothing, and its lock does. */
export async function findAgent(dataDir: string, version: string): Promise<FoundAgent> {
  const path = storePath(dataDir);
  let running: boolean;
  try {
    const found = storeRuns(path);
    if (found === undefined) {
      return { agent: { dataDir, running: undefined, live: undefined, version, hidden: undefined }, facts: {} };
    }
    running = found;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    const why = error instanceof HawserError ? `: ${error.message}` : code;
    const hidden = `this user may not look into ${dataDir}${why}`;
    return { agent: { dataDir, running: undefined, live: undefined, version, hidden }, facts: {} };
  }
  const facts = factsIn(path);
  const live = running ? await asked(dataDir, facts[AGENT_FACTS.localApi]) : undefined;
  return { agent: { dataDir, running, live, version, hidden: undefined }, facts };
}

/** What is wrong with the store is told by its own check. */
function factsIn(path: string): Readonly<Record<string, string>> {
  try {
    const store = readStore(path);
    try {
      return store.facts();
    } finally {
      store.close();
    }
  } catch (error) {
    if (error instanceof HawserError) return {};
    throw error;
  }
}

async function asked(dataDir: string, server: string | undefined): Promise<AgentFacts['live']> {
  if (server === undefined) return { silent: 'it has not said where its local API is' };
  try {
    return (await askHowItIs(dataDir, server, ASK_TIMEOUT_MS)) ?? { silent: `nothing listens at ${server}` };
  } catch (error) {
    if (error instanceof CommandFailure || error instanceof HawserError) return { silent: error.message };
    throw error;
  }
}
