import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { fieldsOf, itemsOf, textOf } from '../apiserver/policy/fields.ts';

/** What of a kubeconfig a kubelet needs here. */
export interface Access {
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  /** Read for each request where it stands in a file, which may be replaced. */
  readonly token: () => string;
}

/** @throws when a server, an authority or a token is missing */
export function readKubeconfig(file: string): Access {
  const config = fieldsOf(parse(readFileSync(file, 'utf8')));
  const named = (list: unknown, name: unknown) => fieldsOf(itemsOf(list).find((item) => item.name === name));
  const context = fieldsOf(named(config.contexts, config['current-context']).context);
  const cluster = fieldsOf(named(config.clusters, context.cluster).cluster);
  const user = fieldsOf(named(config.users, context.user).user);
  const server = textOf(cluster.server);
  if (server === '') throw new Error(`${file} names no server for its current context`);
  return { server, ca: contentOf(file, cluster, 'certificate-authority'), token: tokenOf(file, user) };
}

function contentOf(file: string, fields: Record<string, unknown>, name: string): string {
  const data = textOf(fields[`${name}-data`]);
  if (data !== '') return Buffer.from(data, 'base64').toString('utf8');
  const path = textOf(fields[name]);
  if (path === '') throw new Error(`${file} has no ${name}`);
  return readFileSync(resolve(dirname(file), path), 'utf8');
}

function tokenOf(file: string, user: Record<string, unknown>): () => string {
  const token = textOf(user.token);
  if (token !== '') return () => token;
  const path = textOf(user.tokenFile);
  if (path === '') throw new Error(`${file} has no token: client certificates are not played`);
  return tokenFile(resolve(dirname(file), path));
}

export function tokenFile(path: string): () => string {
  return () => readFileSync(path, 'utf8').trim();
}
