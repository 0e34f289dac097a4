import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { HawserError } from '@hawser/protocol';
import { AGENT_FACTS } from '../ops/facts.ts';
import { kubeletKubeconfig, localKubeconfig, rotateTokens } from '../ops/local-access/index.ts';
import { takesUpTokens } from './ask-agent.ts';
import { CommandFailure, EXIT } from './exit.ts';
import type { CliIo } from './io.ts';
import { withStore } from './open-store.ts';

export interface KubeconfigFlags {
  readonly write?: boolean;
  readonly kubelet?: boolean;
  readonly rotate?: boolean;
}

/** Prints a kubeconfig of the local API: the viewer's, the administrator's with `write`, or the kubelet's. @throws CommandFailure */
export async function kubeconfig(dataDir: string, flags: KubeconfigFlags, io: CliIo): Promise<void> {
  requireOwner(dataDir, process.geteuid?.());
  const { facts, running } = withStore(dataDir, (store) => ({ facts: store.facts(), running: store.running }));
  const server = facts[AGENT_FACTS.localApi];
  if (server === undefined) {
    throw new CommandFailure(EXIT.failed, 'the agent has not yet started once: start it with "hawser-agent run"');
  }
  if (!running) io.writeError(`Warning: the agent is not running; ${server} is where its API was.\n`);
  const nodeName = facts[AGENT_FACTS.nodeName] ?? 'device';
  try {
    if (flags.rotate === true) {
      rotateTokens(dataDir);
      if (running && !(await takesUpTokens(dataDir, server))) {
        io.writeError('Warning: the agent has ended meanwhile; it begins with the new tokens.\n');
      }
    }
    if (flags.kubelet === true) return io.write(kubeletKubeconfig(resolve(dataDir), server, nodeName));
    io.write(localKubeconfig(dataDir, server, nodeName, flags.write === true ? 'administrator' : 'viewer'));
  } catch (cause) {
    if (cause instanceof HawserError) throw new CommandFailure(EXIT.failed, cause.message, { cause });
    throw cause;
  }
}

/**
 * Tokens are handed out to root and to whose the folder is. The files refuse others anyway; this says so.
 * @param user whose process this is; undefined on systems without users
 * @throws CommandFailure
 */
export function requireOwner(dataDir: string, user: number | undefined): void {
  const owner = ownerOf(dataDir);
  if (user === undefined || user === 0 || owner === undefined || user === owner) return;
  throw new CommandFailure(
    EXIT.failed,
    `${dataDir} belongs to the user ${owner}: only this user and root get what lets into the API of the device. Try: sudo hawser-agent kubeconfig`,
  );
}

function ownerOf(dataDir: string): number | undefined {
  try {
    return statSync(dataDir, { throwIfNoEntry: false })?.uid;
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EACCES') {
      throw new CommandFailure(EXIT.failed, `${dataDir} may not be looked into by this user: run it as root`, { cause });
    }
    throw cause;
  }
}
