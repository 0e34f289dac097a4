import { HawserError } from '@hawser/protocol';
import { SCHEMA_VERSION } from './schema.ts';

/**
 * Why a store of that schema is not opened, and what to do. Nothing of it was changed.
 * - `store_newer`: an agent has been replaced by an older one
 * - `unsupported`: of an older agent; only for who reads, since the agent itself brings it to the present schema
 */
export function otherSchema(path: string, version: number): HawserError {
  if (version < SCHEMA_VERSION) {
    return new HawserError(
      'unsupported',
      `${path} has schema ${version}, and this version reads ${SCHEMA_VERSION}. Nothing was changed. Start the agent of this version, which ` +
        'brings the store there and keeps all that it holds, or use the commands of the version that wrote it',
    );
  }
  return new HawserError(
    'store_newer',
    `${path} was written by a newer agent: it has schema ${version}, and this one knows ${SCHEMA_VERSION}. Nothing was changed. Install the ` +
      `newer version again, which is the only way that loses nothing; or stop the agent and move ${path} and ${path}-wal away: then a new store ` +
      'begins, the cloud sends all objects again, and lost is what it had not been told (the outbox), kept answers and tokens',
  );
}
