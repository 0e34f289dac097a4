/** Says which folder the settings of this process name: undefined for the default. @throws HawserError `bad_config` */
export type CacheDirSource = () => string | undefined;

/**
 * The native library is loaded once in a process, by whatever opens a database first, so this is the one setting that is not passed on:
 * the command line leaves it here before a command runs, and it is read when the library is loaded, and not before.
 */
let source: CacheDirSource = () => undefined;

export function chooseCacheDir(chosen: CacheDirSource): void {
  source = chosen;
}

export function chosenCacheDir(): string | undefined {
  return source();
}
