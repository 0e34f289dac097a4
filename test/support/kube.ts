import type { IncomingMessage } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';
import { apiVersionOf, type KubeObject, resourcePath } from '@hawser/protocol';
import { KubeConfig } from '@kubernetes/client-node';
import { CLUSTER_RESOURCES } from '../apiserver/cluster-resources.ts';
import { stalls } from './stalls.ts';

/** An answer of the API server other than 2xx. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly status: number;
  readonly reason: string;
  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KubeObject;
}

/** Objects as plain JSON, for tests and the demo: what is sent and what comes back is what is on the wire. */
export interface KubeClient {
  readonly server: string;
  create(object: KubeObject): Promise<KubeObject>;
  /** Creates, or when it is there already merges the object's fields into it. */
  apply(object: KubeObject): Promise<KubeObject>;
  /** `resource` is the resource table's id: `pods`, `apps/deployments`. Undefined: not found. */
  get(resource: string, namespace: string, name: string): Promise<KubeObject | undefined>;
  list(resource: string, namespace?: string, query?: string): Promise<KubeObject[]>;
  patch(resource: string, namespace: string, name: string, patch: unknown, subresource?: string): Promise<KubeObject>;
  /** Deleting what is not there is no error. */
  remove(resource: string, namespace: string, name: string, gracePeriodSeconds?: number): Promise<void>;
  raw(method: string, path: string, body?: unknown, contentType?: string): Promise<{ status: number; body: unknown }>;
  /**
   * Calls `onEvent` for everything that is there and then for each change, until the signal; goes on after broken connections
   * and refusals, `retryMs` later (default 200). `onOpen` is called before everything is told anew.
   */
  watch(
    resource: string,
    onEvent: (event: WatchEvent) => void,
    signal: AbortSignal,
    query?: string,
    retryMs?: number,
    onOpen?: () => void,
  ): void;
  close(): void;
}

/** Between a watch that ended and the next. */
const REWATCH_DELAY_MS = 200;

/** @param kubeconfig path of a file. @throws when it cannot be read */
export async function kubeClient(kubeconfig: string): Promise<KubeClient> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) throw new Error(`${kubeconfig} names no server for its current context`);
  const base: RequestOptions = {};
  await config.applyToHTTPSOptions(base);
  const { ca, cert, key, headers, rejectUnauthorized, auth } = base;
  const tls = { ca, cert, key, ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }) };
  const agent = new Agent({ keepAlive: true, ...tls });

  const open = (method: string, path: string, body: string | undefined, contentType: string, signal?: AbortSignal) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request(
        new URL(path, server),
        {
          method,
          agent,
          ...tls,
          ...(auth === undefined ? {} : { auth }),
          ...(signal === undefined ? {} : { signal }),
          headers: {
            ...headers,
            accept: 'application/json',
            ...(body === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(body) }),
          },
        },
        resolve,
      );
      sent.on('error', reject);
      sent.end(body);
    });

  const raw: KubeClient['raw'] = async (method, path, body, contentType = 'application/json') => {
    const answer = await open(method, path, body === undefined ? undefined : JSON.stringify(body), contentType);
    const text = await readAll(answer);
    return { status: answer.statusCode ?? 0, body: parse(text) };
  };

  const call = async (method: string, path: string, body?: unknown, contentType?: string): Promise<KubeObject> => {
    const answer = await raw(method, path, body, contentType);
    if (answer.status >= 200 && answer.status < 300 && isObject(answer.body)) return answer.body;
    const status = answer.body as { reason?: string; message?: string } | undefined;
    throw new KubeError(
      answer.status,
      status?.reason ?? '',
      `${method} ${path}: ${answer.status} ${status?.message ?? answer.body}`,
    );
  };

  const pathOf = (id: string, namespace: string, name = '', subresource = '') => {
    const resource = resourceById(id);
    if (resource === undefined) throw new Error(`${id} is not in the resource table`);
    return resourcePath(resource, namespace, name, subresource);
  };
  const idOf = (object: KubeObject) => {
    const resource = resourceByKind(object.apiVersion, object.kind);
    if (resource === undefined)
      throw new KubeError(404, 'NotFound', `${object.apiVersion} ${object.kind} is not a kind that this knows`);
    return { id: resource.id, namespace: resource.namespaced ? (object.metadata.namespace ?? 'default') : '' };
  };

  const client: KubeClient = {
    server,
    create: (object) => call('POST', pathOf(idOf(object).id, idOf(object).namespace), object),
    async apply(object) {
      try {
        return await client.create(object);
      } catch (error) {
        if (!(error instanceof KubeError && error.reason === 'AlreadyExists')) throw error;
        const { id, namespace } = idOf(object);
        return client.patch(id, namespace, object.metadata.name ?? '', object);
      }
    },
    async get(id, namespace, name) {
      try {
        return await call('GET', pathOf(id, namespace, name));
      } catch (error) {
        if (error instanceof KubeError && error.status === 404) return undefined;
        throw error;
      }
    },
    async list(id, namespace = '', query = '') {
      const resource = resourceById(id);
      const list = await call('GET', `${pathOf(id, namespace)}${query === '' ? '' : `?${query}`}`);
      const items = (list as KubeObject & { items?: KubeObject[] }).items ?? [];
      return resource === undefined
        ? items
        : items.map((item) => ({ ...item, apiVersion: apiVersionOf(resource), kind: resource.kind }));
    },
    patch: (id, namespace, name, patch, subresource = '') =>
      call('PATCH', pathOf(id, namespace, name, subresource), patch, 'application/merge-patch+json'),
    async remove(id, namespace, name, gracePeriodSeconds) {
      const query = gracePeriodSeconds === undefined ? '' : `?gracePeriodSeconds=${gracePeriodSeconds}`;
      const answer = await raw('DELETE', `${pathOf(id, namespace, name)}${query}`);
      if (answer.status !== 404 && answer.status >= 300)
        throw new KubeError(answer.status, '', `DELETE ${id}/${name}: ${answer.status}`);
    },
    raw,
    watch(id, onEvent, signal, query = '', retryMs = REWATCH_DELAY_MS, onOpen = () => {}) {
      const path = `${pathOf(id, '')}?watch=true${query === '' ? '' : `&${query}`}`;
      const run = async () => {
        while (!signal.aborted) {
          try {
            const answer = await open('GET', path, undefined, '', signal);
            if (answer.statusCode === 200) {
              onOpen();
              await readLines(answer, (line) => onEvent(JSON.parse(line) as WatchEvent));
            } else await readAll(answer);
          } catch (error) {
            // A broken watch is what a watch does; it starts again with all that is there.
            if (!signal.aborted && !isConnectionError(error)) throw error;
          }
          if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, retryMs));
        }
      };
      void run();
    },
    close: () => agent.destroy(),
  };
  return client;
}

async function readLines(stream: IncomingMessage, onLine: (line: string) => void): Promise<void> {
  let rest = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') continue;
      await stalls?.pause();
      onLine(line);
    }
  }
}

async function readAll(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Health paths and unknown groups answer in plain text.
    return text;
  }
}

const resourceById = (id: string) => CLUSTER_RESOURCES.find((one) => one.id === id);
const resourceByKind = (apiVersion: string, kind: string) =>
  CLUSTER_RESOURCES.find((one) => one.kind === kind && apiVersionOf(one) === apiVersion);

function isObject(value: unknown): value is KubeObject {
  return typeof value === 'object' && value !== null;
}

function isConnectionError(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && /^(ECONN|EPIPE|ENOTFOUND|ERR_STREAM|ETIMEDOUT|ABORT)/.test(String(error.code))
  );
}
