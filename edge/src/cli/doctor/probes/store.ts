import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { HawserError } from '@hawser/protocol';
import { storePath } from '../../../ops/paths.ts';
import { type KeySource, keySourceOf, readingSealOf } from '../../../ops/store-key.ts';
import { readStore, SCHEMA_VERSION, sqliteVersion } from '../../../store/index.ts';
import type { StoreFacts } from '../checks/store.ts';

/** Reads the store through as SQLite does, beside a running agent or without one, and changes nothing. */
export function lookAtStore(dataDir: string, key: string | undefined, credentials: string | undefined): StoreFacts {
  const path = storePath(dataDir);
  const aside = asideOf(path);
  try {
    if (isMissing(path)) {
      // Whether the agent can make one: an executable loads SQLite from its cache folder.
      sqliteVersion();
      return { path, refused: { code: 'notThere', message: '' }, seen: undefined, aside };
    }
    const store = readStore(path);
    try {
      const check = store.check();
      const seal = store.seal();
      const { database, log } = store.sizes();
      const seen = {
        ...{ schema: SCHEMA_VERSION, check, bytes: database, logBytes: log, objects: store.objectCount() },
        keyRefused: seal === undefined ? undefined : keyRefusal(() => keySourceOf(key, dataDir, credentials), seal),
        isSealed: seal !== undefined,
      };
      return { path, refused: undefined, seen, aside };
    } finally {
      store.close();
    }
  } catch (error) {
    if (!(error instanceof HawserError)) throw error;
    return { path, refused: { code: error.code, message: error.message }, seen: undefined, aside };
  }
}

function isMissing(path: string): boolean {
  // A folder that may not be looked into says the same, and "agent" has told of it.
  return !existsSync(path);
}

function keyRefusal(source: () => KeySource, stored: string): string | undefined {
  try {
    const { name } = readingSealOf(source())(stored);
    return name === stored
      ? undefined
      : `store.key: the Secrets of the store lie under another key (${stored}) than the one there (${name})`;
  } catch (error) {
    if (error instanceof HawserError) return error.message;
    throw error;
  }
}

function asideOf(path: string): readonly string[] {
  try {
    return readdirSync(dirname(path)).filter(
      (name) => name.startsWith(`${basename(path)}.damaged-`) && !/-(wal|shm)$/.test(name),
    );
  } catch {
    return [];
  }
}
