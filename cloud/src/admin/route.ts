import { isNodeName } from '@hawser/protocol';
import { ADMIN_PATHS, MOST_PER_PAGE, PAGE } from './answers.ts';

/** What is asked for: its `path` and `verb` are what the cluster is asked about. */
export type Route = RouteTo & { readonly path: string; readonly verb: 'get' | 'update' };

type RouteTo =
  | { readonly to: 'nodes'; readonly limit: number; readonly after: string }
  | { readonly to: 'watch' }
  | { readonly to: 'node'; readonly node: string }
  | { readonly to: 'logLevel' | 'setLogLevel' | 'version' };

export type Refused = { readonly to: 'refused'; readonly code: 400 | 404 | 405; readonly message: string };

/** A path is short; a longer one is none of ours. */
const MAX_URL = 1024;

/** Decides nothing about who asks. */
export function routeOf(method: string, url: string): Route | Refused {
  if (url.length > MAX_URL) return refused(400, `the path is longer than ${MAX_URL} characters`);
  const [path = '', query = ''] = url.split('?', 2);
  const to = targetOf(path);
  if (to === undefined) {
    return refused(404, `not found: try ${Object.values(ADMIN_PATHS).join(', ')} or ${ADMIN_PATHS.nodes}/NAME`);
  }
  if (method === 'PUT' && to.to === 'logLevel') return { to: 'setLogLevel', path, verb: 'update' };
  if (method !== 'GET') return refused(405, `${method} is not served at ${path}`);
  if (to.to === 'node') return { ...to, path, verb: 'get' };
  if (to.to !== 'nodes') return { to: to.to, path, verb: 'get' };
  const wanted = new URLSearchParams(query);
  if (wanted.get('watch') === 'true') return { to: 'watch', path, verb: 'get' };
  const limit = Number(wanted.get('limit') ?? PAGE);
  if (!Number.isSafeInteger(limit) || limit < 1) return refused(400, 'limit must be a whole number from 1 on');
  return { to: 'nodes', limit: Math.min(limit, MOST_PER_PAGE), after: wanted.get('continue') ?? '', path, verb: 'get' };
}

function targetOf(path: string): { to: 'nodes' | 'logLevel' | 'version' } | { to: 'node'; node: string } | undefined {
  if (path === ADMIN_PATHS.nodes) return { to: 'nodes' };
  if (path === ADMIN_PATHS.logLevel) return { to: 'logLevel' };
  if (path === ADMIN_PATHS.version) return { to: 'version' };
  if (!path.startsWith(`${ADMIN_PATHS.nodes}/`)) return undefined;
  const node = path.slice(ADMIN_PATHS.nodes.length + 1);
  return isNodeName(node) ? { to: 'node', node } : undefined;
}

function refused(code: Refused['code'], message: string): Refused {
  return { to: 'refused', code, message };
}
