import { HawserError } from '@hawser/protocol';
import { storePath } from '../ops/paths.ts';
import { type ReadonlyStore, readStore, type SealSource } from '../store/index.ts';
import { CommandFailure, EXIT } from './exit.ts';

/**
 * Reads the store of a data folder, beside a running agent or without one, and closes it again.
 * @param seal for what reads objects, which may be sealed
 * @throws CommandFailure
 */
export function withStore<T>(dataDir: string, read: (store: ReadonlyStore) => T, seal?: SealSource): T {
  const store = openToRead(dataDir, seal);
  try {
    return read(store);
  } finally {
    store.close();
  }
}

/** The same for who closes it. @throws CommandFailure */
export function openToRead(dataDir: string, seal?: SealSource): ReadonlyStore {
  try {
    return readStore(storePath(dataDir), seal);
  } catch (cause) {
    if (!(cause instanceof HawserError)) throw cause;
    const hint = cause.code === 'bad_config' ? ' (--data-dir says where the agent keeps it)' : '';
    throw new CommandFailure(EXIT.failed, `${cause.message}${hint}`, { cause });
  }
}
