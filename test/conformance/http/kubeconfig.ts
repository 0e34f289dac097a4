import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import type { Access } from './client.ts';
import { isObject } from './objects.ts';

/** What is wrong with the file, for a person. */
export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError';
}

/**
 * Server and credentials of the current context of a kubeconfig: bearer tokens and client certificates, in the file or beside it.
 * @throws KubeconfigError also for credentials that a program or plug-in has to make
 */
export function readKubeconfig(path: string, context?: string): Access {
  const config = readYaml(path);
  const chosen = context ?? config['current-context'];
  if (typeof chosen !== 'string' || chosen === '')
    throw new KubeconfigError(`${path} has no current context: choose one by --context`);
  const { cluster: clusterName, user: userName } = named(path, config, 'contexts', chosen, 'context');
  const cluster = named(path, config, 'clusters', clusterName, 'cluster');
  const user = named(path, config, 'users', userName, 'user');
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
  const data = (holder: Fields, field: string): string | undefined => {
    const inline = text(holder[`${field}-data`]);
    if (inline !== undefined) return Buffer.from(inline, 'base64').toString('utf8');
    const file = text(holder[field]);
    return file === undefined ? undefined : readText(resolve(dirname(path), file));
  };
  const server = text(cluster.server);
  if (server === undefined) throw new KubeconfigError(`${path} names no server for the context ${chosen}`);
  const tokenFile = text(user.tokenFile);
  const token = tokenFile === undefined ? text(user.token) : readText(resolve(dirname(path), tokenFile)).trim();
  const cert = data(user, 'client-certificate');
  if (token === undefined && cert === undefined) {
    const how = Object.keys(user).join(', ') || 'nothing';
    throw new KubeconfigError(
      `${path} has neither token nor client certificate for the context ${chosen} (but ${how}): give --token`,
    );
  }
  return {
    server,
    token,
    cert,
    key: data(user, 'client-key'),
    ca: data(cluster, 'certificate-authority'),
    serverName: text(cluster['tls-server-name']),
    insecure: cluster['insecure-skip-tls-verify'] === true,
  };
}

type Fields = Readonly<Record<string, unknown>>;

function named(path: string, config: Fields, list: string, name: unknown, field: string): Fields {
  const entries: readonly unknown[] = Array.isArray(config[list]) ? config[list] : [];
  const entry = entries.find((item) => isObject(item) && item.name === name);
  const found = isObject(entry) ? entry[field] : undefined;
  if (!isObject(found)) throw new KubeconfigError(`${path} has no ${field} ${JSON.stringify(name)}`);
  return found;
}

function readYaml(path: string): Fields {
  let value: unknown;
  try {
    value = parse(readText(path));
  } catch (cause) {
    if (cause instanceof KubeconfigError) throw cause;
    throw new KubeconfigError(`${path} is no YAML: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
  if (!isObject(value)) throw new KubeconfigError(`${path} is no kubeconfig`);
  return value;
}

export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new KubeconfigError(`${path} cannot be read: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}
