import { userInfo } from 'node:os';
import { join } from 'node:path';

/** Where the folder is when no setting names it, as text for the setting's help. */
export const DEFAULT_CACHE_DIR =
  'CACHE_DIRECTORY of systemd; else /var/cache/hawser for root, XDG_CACHE_HOME/hawser or ~/.cache/hawser for others';

/**
 * The folder that an executable writes its native library to, when no setting names it.
 * @param env CACHE_DIRECTORY is what systemd has made for the unit: several folders have colons between them (systemd.exec(5))
 * @param user of this process; its home when no variable says another
 */
export function defaultCacheDir(
  env: Readonly<Record<string, string | undefined>>,
  user: { readonly uid: number; readonly home: () => string } = { uid: process.geteuid?.() ?? -1, home: homeOfUser },
): string {
  const [ofUnit] = (env.CACHE_DIRECTORY ?? '').split(':');
  if (ofUnit) return ofUnit;
  if (user.uid === 0) return '/var/cache/hawser';
  // A relative one is to be ignored (XDG Base Directory Specification).
  if (env.XDG_CACHE_HOME?.startsWith('/')) return join(env.XDG_CACHE_HOME, 'hawser');
  return join(env.HOME || user.home(), '.cache', 'hawser');
}

function homeOfUser(): string {
  return userInfo().homedir;
}
