export { DEFAULT_CACHE_DIR } from './cache-folder.ts';
export { chooseCacheDir } from './cache-setting.ts';
