import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AskOptions,
  type Clock,
  type CloudAnswer,
  type CloudQueries,
  createLocalApi,
  type EdgeStore,
  ensureLocalAccess,
  type LocalAccess,
  type LocalApi,
  openStore,
  type PodAccess,
  readKeySet,
  type StorageKey,
  SYNC_FACTS,
  systemClock,
} from '@hawser/edge';
import {
  type ClusterKeys,
  canonicalize,
  encodeBody,
  type KubeObject,
  objectKey,
  type Question,
  resourceByKind,
} from '@hawser/protocol';
import { type Logger, pino } from 'pino';

/**
 * The local API of one device, in this process: the store is a real SQLite file, the API listens on HTTPS as in the agent. In place of a
 * link there is a cloud that the test plays: what it sends down, and what it answers to questions.
 */
export interface LocalDevice {
  readonly node: string;
  readonly folder: string;
  readonly store: EdgeStore;
  readonly api: LocalApi;
  readonly access: LocalAccess;
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  /** One batch of the cloud: the objects as they are in the cluster now, with uid and resourceVersion. */
  put(...objects: readonly KubeObject[]): void;
  /** The cloud has deleted them. */
  drop(...objects: readonly KubeObject[]): void;
  /** The device has had all its objects once. */
  complete(): void;
  /** A request as the kubelet, or as who has that token. `body` is sent as JSON unless it is a string or bytes. */
  call(method: string, path: string, options?: DeviceCall): Promise<DeviceAnswer>;
  /** Ends server and store; the folder stays until the device is closed. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

export interface DeviceCall {
  /** Default the kubelet's. */
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface DeviceAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  /** Of bytes that are one JSON text; undefined for others, and for the events of a watch. */
  readonly json: KubeObject | undefined;
}

export interface LocalDeviceOptions {
  /** Default `edge-1`. */
  readonly node?: string;
  /** An earlier device's folder; default a new one, which goes with `close`. */
  readonly folder?: string;
  /** Default: there is no link. */
  readonly answer?: (question: Question, options: AskOptions) => CloudAnswer | Promise<CloudAnswer>;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Whether all objects have been there once. Default true. */
  readonly synced?: boolean;
  /** The cluster's keys, by which its pods are let in. Default: pods are not. */
  readonly clusterKeys?: ClusterKeys;
  /** How long the device has been linked, in milliseconds. Default: it is not. */
  readonly linkedForMs?: () => number;
  /** Default 0: a free one. */
  readonly port?: number;
  /** Of the store; default the agent's. */
  readonly limits?: NonNullable<Parameters<typeof openStore>[0]['limits']>;
}

function podAccess({ clusterKeys: cluster, linkedForMs = () => 0 }: LocalDeviceOptions): PodAccess | undefined {
  if (cluster === undefined) return undefined;
  const current = { cluster, set: readKeySet(cluster.keySet) };
  return { keys: { current: () => current }, linkedForMs };
}

export const CLUSTER = '00000000-0000-4000-8000-00000000c105';

/** More than any test opens. */
const BOUNDS = { connections: 4_096, strangers: 256, requests: 256, watches: 3_072 };

export async function startLocalDevice(options: LocalDeviceOptions = {}): Promise<LocalDevice> {
  const { node = 'edge-1', clock = systemClock, logger = pino({ level: 'silent' }), synced = true, port = 0 } = options;
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'hawser-device-'));
  const limits = options.limits ?? {};
  const store = openStore({ path: join(folder, 'agent.db'), factsOfWhole: [SYNC_FACTS.lastSync], logger, clock, limits });
  store.bindCluster(CLUSTER);
  const access = await ensureLocalAccess(folder, '127.0.0.1');
  const queries: CloudQueries = {
    ask: async (question, asking = {}) => (await options.answer?.(question, asking)) ?? { type: 'offline' },
  };
  const api = createLocalApi({
    ...{ store, nodeName: node, access, bounds: BOUNDS, queries, clock, random: Math.random, logger },
    isInSync: () => options.answer !== undefined,
    pods: podAccess(options),
  });
  const complete = () => store.setFact(SYNC_FACTS.lastSync, clock.now().toISOString());
  if (synced) complete();
  const { url } = await api.server.listen(port);
  let isStopped = false;
  const stop = async () => {
    if (isStopped) return;
    isStopped = true;
    await api.close();
    store.close();
  };
  return {
    ...{ node, folder, store, api, access, url, complete, stop },
    put: (...objects) => apply(store, objects.map(upsert)),
    drop: (...objects) =>
      apply(
        store,
        objects.map((object) => ({ key: keyOf(object), change: { type: 'delete', uid: object.metadata.uid ?? '' } })),
      ),
    call: sendTo(url, access),
    async close() {
      await stop();
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The key under which the store has it. */
export function storageKeyOf({ apiVersion, kind, metadata }: KubeObject): StorageKey {
  const resource = resourceByKind(apiVersion, kind);
  if (resource === undefined) throw new TypeError(`${apiVersion} ${kind} is not in the resource table`);
  return { resource: resource.id, namespace: metadata.namespace ?? '', name: metadata.name ?? '' };
}

type Operation = Parameters<EdgeStore['applyBatch']>[1][number];

function apply(store: EdgeStore, operations: readonly Operation[]): void {
  const { nacks } = store.applyBatch(CLUSTER, operations);
  if (nacks.length > 0) throw new Error(`the store has refused: ${JSON.stringify(nacks)}`);
}

function upsert(object: KubeObject): Operation {
  const { body, version } = canonicalize(JSON.stringify(object));
  return { key: keyOf(object), change: { type: 'upsert', version, body: encodeBody(body) } };
}

function keyOf(object: KubeObject) {
  const { resource, namespace, name } = storageKeyOf(object);
  return objectKey(resource, namespace, name);
}

/** Sends requests to a device of this or another process, as its kubelet unless a token is given. */
export function sendTo(url: string, { cert, nodeToken }: Pick<LocalAccess, 'cert' | 'nodeToken'>): LocalDevice['call'] {
  const port = Number(new URL(url).port);
  return (method, path, call = {}) => send({ port, ca: cert, method, path }, call, nodeToken);
}

interface Target {
  readonly port: number;
  readonly ca: string;
  readonly method: string;
  readonly path: string;
}

function send(target: Target, { token, headers = {}, body }: DeviceCall, nodeToken: string): Promise<DeviceAnswer> {
  const isRaw = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
  const sent = isRaw ? body : JSON.stringify(body);
  const length = sent === undefined ? {} : { 'content-length': String(Buffer.byteLength(sent)) };
  const type = isRaw ? {} : { 'content-type': 'application/json' };
  const authorization = `Bearer ${token ?? nodeToken}`;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', agent: false, ...target, headers: { authorization, ...length, ...type, ...headers } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
        response.on('end', () => {
          const bytes = Buffer.concat(chunks);
          // A watch is a text for each event.
          const isWatch = /[?&]watch=(?!false|0)/.test(target.path);
          const isJson =
            /^application\/json/.test(response.headers['content-type'] ?? '') &&
            bytes.length > 0 &&
            !(isWatch && response.statusCode === 200);
          const json = isJson ? JSON.parse(bytes.toString()) : undefined;
          resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes, json });
        });
      },
    );
    outgoing.on('error', reject).end(sent);
  });
}
