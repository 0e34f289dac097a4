import { readFileSync } from 'node:fs';
import type { Agent } from 'node:http';
import type { AgentOptions, RequestOptions } from 'node:https';
import { dirname, resolve } from 'node:path';
import { HawserError } from '@hawser/protocol';
import { type Cluster, KubeConfig, type User } from '@kubernetes/client-node';
import { parse } from 'yaml';

/** What one request needs to be let in. Fresh for each: tokens and certificates are renewed while the relay runs. */
export interface Credentials {
  readonly ca: AgentOptions['ca'];
  readonly cert: AgentOptions['cert'];
  readonly key: AgentOptions['key'];
  readonly servername: string | undefined;
  readonly rejectUnauthorized: boolean;
  /** `user:password` of basic authentication. */
  readonly auth: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Set when the kubeconfig names a proxy: connections go through this agent. */
  readonly proxyAgent: Agent | undefined;
}

/** Where the API server is and who we are there. */
export interface ApiServerConnection {
  /** An https URL without a slash at its end; it may have a path. */
  readonly server: string;
  /** @throws HawserError `unauthorized` when a file cannot be read or a credential plug-in fails */
  credentials(): Promise<Credentials>;
}

/** A kubeconfig is some KB; embedded certificates make it some 100 KB. */
const MAX_KUBECONFIG_BYTES = 8 * 1024 * 1024;

/**
 * The connection that a kubeconfig file names in its current context, or without one that of the pod's service account.
 * @throws HawserError `bad_config` that names the file and what is wrong with it
 */
export function loadCredentials(options: { readonly kubeconfig?: string }): ApiServerConnection {
  const source =
    options.kubeconfig === undefined ? "the pod's service account" : `kubeconfig ${JSON.stringify(options.kubeconfig)}`;
  const config = options.kubeconfig === undefined ? inCluster() : fromFile(options.kubeconfig, source);
  const { cluster, user } = current(config, source);
  for (const file of filesOf(cluster, user)) readable(file, source);
  return {
    server: httpsServer(cluster.server, source),
    async credentials() {
      const applied: RequestOptions = {};
      try {
        await config.applyToHTTPSOptions(applied);
      } catch (cause) {
        throw new HawserError('unauthorized', `no credentials for the API server from ${source}: ${reason(cause)}`, { cause });
      }
      const { agent } = applied;
      return {
        ca: applied.ca,
        cert: applied.cert,
        key: applied.key,
        servername: applied.servername,
        rejectUnauthorized: applied.rejectUnauthorized ?? true,
        auth: applied.auth ?? undefined,
        headers: ownHeaders(applied.headers),
        proxyAgent: cluster.proxyUrl !== undefined && cluster.proxyUrl !== null && typeof agent === 'object' ? agent : undefined,
      };
    },
  };
}

function inCluster(): KubeConfig {
  if (process.env.KUBERNETES_SERVICE_HOST === undefined || process.env.KUBERNETES_SERVICE_PORT === undefined) {
    const message = 'no kubeconfig is set and this is no pod of a cluster (KUBERNETES_SERVICE_HOST and _PORT are not set)';
    throw new HawserError('bad_config', message);
  }
  const config = new KubeConfig();
  config.loadFromCluster();
  return config;
}

function fromFile(path: string, source: string): KubeConfig {
  const text = readable(path, source).toString('utf8');
  if (text.length > MAX_KUBECONFIG_BYTES) throw new HawserError('bad_config', `${source} is over ${MAX_KUBECONFIG_BYTES} bytes`);
  const config = new KubeConfig();
  try {
    const document: unknown = parse(text);
    if (!isRecord(document)) throw new TypeError('it is no YAML mapping');
    config.loadFromString(text);
    config.makePathsAbsolute(dirname(path));
    withTokenFiles(config, document, dirname(path));
  } catch (cause) {
    throw new HawserError('bad_config', `${source} is no kubeconfig: ${reason(cause)}`, { cause });
  }
  return config;
}

/** client-node reads a user's `tokenFile` only in its in-cluster form, where it is read again every minute; so it gets that form. */
function withTokenFiles(config: KubeConfig, document: Record<string, unknown>, folder: string): void {
  const files = new Map<string, string>();
  for (const entry of Array.isArray(document.users) ? document.users : []) {
    if (!isRecord(entry) || !isRecord(entry.user) || typeof entry.name !== 'string') continue;
    const { tokenFile } = entry.user;
    if (typeof tokenFile === 'string' && tokenFile !== '') files.set(entry.name, resolve(folder, tokenFile));
  }
  const users = config.users.map((user) => {
    const tokenFile = files.get(user.name);
    return tokenFile === undefined ? user : { ...user, authProvider: { name: 'tokenFile', config: { tokenFile } } };
  });
  const { clusters, contexts, currentContext } = config;
  config.loadFromOptions({ clusters, contexts, users, currentContext });
}

function current(config: KubeConfig, source: string): { readonly cluster: Cluster; readonly user: User } {
  const name: unknown = config.getCurrentContext();
  if (typeof name !== 'string' || name === '') throw new HawserError('bad_config', `${source} has no current-context`);
  const context = config.getContextObject(name);
  if (context === null)
    throw new HawserError('bad_config', `${source} has no context ${JSON.stringify(name)}, its current-context`);
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  if (cluster === null) {
    throw new HawserError(
      'bad_config',
      `${source} has no cluster ${JSON.stringify(context.cluster)}, which its current context names`,
    );
  }
  if (user === null) {
    throw new HawserError('bad_config', `${source} has no user ${JSON.stringify(context.user)}, which its current context names`);
  }
  return { cluster, user };
}

function httpsServer(server: string, source: string): string {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url?.protocol !== 'https:') {
    throw new HawserError('bad_config', `${source} names the server ${JSON.stringify(server)}, which is no https URL`);
  }
  return server.replace(/\/+$/, '');
}

/** Read once at the start, so that a missing file is said then and not with the first request. */
function filesOf(cluster: Cluster, user: User): readonly string[] {
  const tokenFile: unknown = isRecord(user.authProvider?.config) ? user.authProvider.config.tokenFile : undefined;
  return [cluster.caFile, user.certFile, user.keyFile, tokenFile].filter((file) => typeof file === 'string');
}

function readable(file: string, source: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new HawserError('bad_config', `${source}: ${JSON.stringify(file)} cannot be read: ${reason(cause)}`, { cause });
  }
}

function ownHeaders(headers: RequestOptions['headers']): Record<string, string> {
  const own: Record<string, string> = {};
  if (headers === undefined || Array.isArray(headers)) return own;
  for (const [name, value] of Object.entries(headers)) {
    // A token file that ends in a line break would make a header that cannot be sent.
    if (typeof value === 'string') own[name.toLowerCase()] = value.trim();
  }
  return own;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
