/**
 * Takes the place of better-sqlite3's `lib/binding.js` in an executable: there are no folders to look for the native library in. The
 * executable carries it, with its hash, under these names.
 */
import { getAsset, getRawAsset } from 'node:sea';
import { defaultCacheDir } from './cache-folder.ts';
import { chosenCacheDir } from './cache-setting.ts';
import { libraryFile, refusal } from './library.ts';

const LIBRARY = 'better-sqlite3.node';
/** Its hash, in hexadecimal digits, and its size in bytes, so that the library itself is read only when it has to be written. */
const FACTS = 'better-sqlite3.facts';

let loaded: unknown;

/** @throws HawserError `native_library` for a cache folder that it cannot be written to or loaded from */
export function getBinding(): unknown {
  loaded ??= load();
  return loaded;
}

function load(): unknown {
  const [sha256 = '', bytes = ''] = getAsset(FACTS, 'utf8').split(' ');
  const folder = chosenCacheDir() ?? defaultCacheDir(process.env);
  const content = () => new Uint8Array(getRawAsset(LIBRARY));
  const file = libraryFile(folder, { name: 'better-sqlite3', sha256, bytes: Number(bytes), content });
  const module = { exports: {} };
  try {
    process.dlopen(module, file);
  } catch (cause) {
    throw refusal(folder, cause instanceof Error ? cause.message : String(cause), cause);
  }
  return module.exports;
}
