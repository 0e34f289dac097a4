import { HawserError } from '@hawser/protocol';
import { AGENT_FACTS } from '../ops/facts.ts';
import { localKubeconfig } from '../ops/local-access/index.ts';
import { CommandFailure, EXIT } from './exit.ts';
import type { CliIo } from './io.ts';
import { withStore } from './open-store.ts';

/** Prints a kubeconfig of the local API, with its token in it. @throws CommandFailure */
export function kubeconfig(dataDir: string, io: CliIo): void {
  const { facts, running } = withStore(dataDir, (store) => ({ facts: store.facts(), running: store.running }));
  const server = facts[AGENT_FACTS.localApi];
  if (server === undefined) {
    throw new CommandFailure(EXIT.failed, 'the agent has not yet started once: start it with "hawser-agent run"');
  }
  if (!running) io.writeError(`Warning: the agent is not running; ${server} is where its API was.\n`);
  try {
    io.write(localKubeconfig(dataDir, server, facts[AGENT_FACTS.nodeName] ?? 'device'));
  } catch (cause) {
    if (cause instanceof HawserError) throw new CommandFailure(EXIT.failed, cause.message, { cause });
    throw cause;
  }
}
