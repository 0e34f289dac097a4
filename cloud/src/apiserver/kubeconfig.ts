import { existsSync, readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { dirname, resolve } from 'node:path';
import { HawserError } from '@hawser/protocol';
import { parseYaml, YamlError } from '@hawser/settings';

/** What the current context of a kubeconfig names: which server, and who we are there. Paths are absolute. */
export interface Identity {
  /** For messages: which file this is from. */
  readonly source: string;
  /** An https URL without a slash at its end; it may have a path. */
  readonly server: string;
  /** That of the context or of the pod; undefined where none is named. */
  readonly namespace: string | undefined;
  readonly serverName: string | undefined;
  readonly skipsVerification: boolean;
  readonly authority: Material;
  readonly certificate: Material;
  readonly key: Material;
  readonly token: Material;
  readonly basic: string | undefined;
  readonly impersonateUser: string | undefined;
  /** The kubeconfig names a credential plug-in, an older auth-provider or a proxy: client-node then does the rest. */
  readonly special: { readonly text: string; readonly folder: string } | undefined;
}

/** Where some PEM text or token comes from. Files are read again for each use: they are renewed while the relay runs. */
export type Material =
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'text'; readonly text: string }
  | { readonly from: 'nothing' };

/** A kubeconfig is some KB; embedded certificates make it some 100 KB. */
const MAX_KUBECONFIG_BYTES = 8 * 1024 * 1024;
/** What the YAML library takes by default. */
const MAX_ALIASES = 100;
/** A cluster with its user and context takes some 100: administrators have dozens in one file. */
const MAX_TOKENS = 8_192;
/** Where Kubernetes puts a pod's service account. */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** @throws HawserError `bad_config` that names the file and what is wrong with it */
export function readKubeconfig(path: string): Identity {
  const source = `kubeconfig ${JSON.stringify(path)}`;
  const bytes = readFile(path, source);
  if (bytes.length > MAX_KUBECONFIG_BYTES) throw bad(`${source} is over ${MAX_KUBECONFIG_BYTES} bytes`);
  const text = bytes.toString('utf8');
  const folder = dirname(path);
  const document = new Section(contentOf(text, source), source);
  const context = document.named('contexts', document.text('current-context'), 'current-context').section('context');
  const cluster = document.named('clusters', context.text('cluster'), 'current context').section('cluster');
  const user = document.named('users', context.text('user'), 'current context').section('user');
  const server = cluster.text('server') ?? '';
  if (!URL.canParse(server) || new URL(server).protocol !== 'https:') {
    throw bad(`${source} names the server ${JSON.stringify(server)}, which is no https URL`);
  }
  const isSpecial = user.has('exec') || user.has('auth-provider') || cluster.has('proxy-url');
  const username = user.text('username');
  const identity: Identity = {
    source,
    server: server.replace(/\/+$/, ''),
    namespace: context.text('namespace'),
    serverName: cluster.text('tls-server-name'),
    skipsVerification: cluster.value('insecure-skip-tls-verify') === true,
    authority: material(cluster, 'certificate-authority', folder),
    certificate: material(user, 'client-certificate', folder),
    key: material(user, 'client-key', folder),
    token: tokenOf(user, folder),
    basic: username === undefined ? undefined : `${username}:${user.text('password') ?? ''}`,
    impersonateUser: user.text('as'),
    special: isSpecial ? { text, folder } : undefined,
  };
  checkFiles(identity);
  return identity;
}

/** The service account of the pod that this process runs in. @throws HawserError `bad_config` when it runs in none */
export function readServiceAccount(env: { readonly [name: string]: string | undefined }): Identity {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (!host || !port) {
    throw bad(
      'no kubeconfig is set (--kubeconfig FILE) and this is no pod of a cluster (KUBERNETES_SERVICE_HOST and _PORT are not set)',
    );
  }
  const identity: Identity = {
    source: "the pod's service account",
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    namespace: podNamespace(),
    serverName: undefined,
    skipsVerification: false,
    authority: { from: 'file', path: `${SERVICE_ACCOUNT}/ca.crt` },
    certificate: { from: 'nothing' },
    key: { from: 'nothing' },
    token: { from: 'file', path: `${SERVICE_ACCOUNT}/token` },
    basic: undefined,
    impersonateUser: undefined,
    special: undefined,
  };
  checkFiles(identity);
  return identity;
}

/** Written beside the token; some clusters leave it out. */
function podNamespace(): string | undefined {
  const path = `${SERVICE_ACCOUNT}/namespace`;
  return existsSync(path) ? readFileSync(path, 'utf8').trim() || undefined : undefined;
}

/** Read once at the start, so that a missing file is said then and not with the first request. */
function checkFiles({ source, authority, certificate, key, token }: Identity): void {
  for (const material of [authority, certificate, key, token]) {
    if (material.from === 'file') readFile(material.path, source);
  }
}

function readFile(path: string, source: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw bad(`${source}: ${JSON.stringify(path)} cannot be read: ${reason(cause)}`, cause);
  }
}

function contentOf(text: string, source: string): unknown {
  try {
    return parseYaml(text, { aliases: MAX_ALIASES, tokens: MAX_TOKENS });
  } catch (cause) {
    if (cause instanceof YamlError) throw bad(`${source} is no YAML: ${cause.message}`, cause);
    throw cause;
  }
}

/** `name-data` holds the text in base64, `name` a path; the data wins, as in kubectl. */
function material(section: Section, name: string, folder: string): Material {
  const data = section.text(`${name}-data`);
  if (data !== undefined) return { from: 'text', text: Buffer.from(data, 'base64').toString('utf8') };
  const path = section.text(name);
  return path === undefined ? { from: 'nothing' } : { from: 'file', path: resolve(folder, path) };
}

/** The file wins over the text, as in kubectl. */
function tokenOf(user: Section, folder: string): Material {
  const path = user.text('tokenFile');
  if (path !== undefined) return { from: 'file', path: resolve(folder, path) };
  const text = user.text('token');
  return text === undefined ? { from: 'nothing' } : { from: 'text', text };
}

/** A mapping of the kubeconfig, read with messages that say which. */
class Section {
  readonly #fields: Record<string, unknown>;
  readonly #where: string;

  constructor(value: unknown, where: string) {
    if (!isRecord(value)) throw bad(`${where} is no YAML mapping`);
    this.#fields = value;
    this.#where = where;
  }

  has(name: string): boolean {
    const value = this.#fields[name];
    return value !== undefined && value !== null;
  }

  value(name: string): unknown {
    return this.#fields[name];
  }

  /** Undefined when it is not there or empty. */
  text(name: string): string | undefined {
    const value = this.#fields[name];
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value !== 'string') throw bad(`${this.#where}: ${name} is no text`);
    return value;
  }

  section(name: string): Section {
    return new Section(this.#fields[name], `${this.#where}: ${name}`);
  }

  /** The entry of a list of named entries. `by` says who names it. */
  named(list: string, name: string | undefined, by: string): Section {
    const one = list.slice(0, -1);
    if (name === undefined) throw bad(`${this.#where}: the ${by} names no ${one}`);
    const entries = this.#fields[list];
    const entry = Array.isArray(entries)
      ? entries.find((candidate) => isRecord(candidate) && candidate.name === name)
      : undefined;
    if (entry === undefined) throw bad(`${this.#where} has no ${one} ${JSON.stringify(name)}, which its ${by} names`);
    return new Section(entry, `${this.#where}: ${one} ${JSON.stringify(name)}`);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function bad(message: string, cause?: unknown): HawserError {
  return new HawserError('bad_config', message, cause === undefined ? {} : { cause });
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
