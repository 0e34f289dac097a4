import { readFile } from 'node:fs/promises';
import type { Agent } from 'node:http';
import type { AgentOptions } from 'node:https';
import { HawserError } from '@hawser/protocol';
import { type Identity, type Material, readKubeconfig, readServiceAccount } from './kubeconfig.ts';

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
  /** The namespace that the kubeconfig's context or the pod names. */
  readonly namespace?: string | undefined;
  /** @throws HawserError `unauthorized` when a file cannot be read or a credential plug-in fails */
  credentials(): Promise<Credentials>;
}

/** The token that they show; undefined where they show none. */
export function bearerOf({ headers }: Pick<Credentials, 'headers'>): string | undefined {
  return /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1];
}

/**
 * The connection that a kubeconfig file names in its current context, or without one that of the pod's service account.
 *
 * Certificates, tokens and passwords are read here; only for credential plug-ins, the older auth-providers and proxies is
 * `@kubernetes/client-node` loaded: with its API types it takes 60 MB of resident memory.
 * @throws HawserError `bad_config` that names the file and what is wrong with it
 */
export function loadCredentials(options: { readonly kubeconfig?: string }): ApiServerConnection {
  const identity = options.kubeconfig === undefined ? readServiceAccount(process.env) : readKubeconfig(options.kubeconfig);
  const { special } = identity;
  let loaded: Promise<() => Promise<Credentials>> | undefined;
  async function read(): Promise<Credentials> {
    if (special === undefined) return plain(identity);
    loaded ??= import('./special-credentials.ts').then(({ specialCredentials }) => specialCredentials(special));
    return (await loaded)();
  }
  return {
    server: identity.server,
    namespace: identity.namespace,
    async credentials() {
      try {
        return await read();
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message.trim() : String(cause);
        throw new HawserError('unauthorized', `no credentials for the API server from ${identity.source}: ${reason}`, { cause });
      }
    },
  };
}

async function plain(identity: Identity): Promise<Credentials> {
  const { authority, certificate, key, token } = identity;
  const [ca, cert, keyText, tokenText] = await Promise.all([authority, certificate, key, token].map(textOf));
  const headers: Record<string, string> = {};
  // A token file may end in a line break, which no header can hold.
  if (tokenText !== undefined) headers.authorization = `Bearer ${tokenText.trim()}`;
  if (identity.impersonateUser !== undefined) headers['impersonate-user'] = identity.impersonateUser;
  return {
    ca,
    cert,
    key: keyText,
    servername: identity.serverName,
    rejectUnauthorized: !identity.skipsVerification,
    auth: tokenText === undefined ? identity.basic : undefined,
    headers,
    proxyAgent: undefined,
  };
}

async function textOf(material: Material): Promise<string | undefined> {
  switch (material.from) {
    case 'file':
      return readFile(material.path, 'utf8');
    case 'text':
      return material.text;
    case 'nothing':
      return undefined;
  }
}
