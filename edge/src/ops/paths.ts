import { join } from 'node:path';

/** The store of the agent whose data folder that is. */
export function storePath(dataDir: string): string {
  return join(dataDir, 'agent.db');
}
