/**
 * Writes the corpus anew from a real run: a relay and an agent in this process, over TLS, against the embedded API server. Kept in the
 * repository are what it writes and, under other names, what fuzzing has found.
 *
 *   npx node test/hostile/capture.ts
 */
import { createHash, randomUUID, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { openStore, resolveConfig, startAgent, systemClock } from '@hawser/edge';
import {
  decodeAgentMessage,
  decodeBody,
  decodeRelayMessage,
  ENROL_ALPN,
  type KubeObject,
  type RelayMessage,
} from '@hawser/protocol';
import Database from 'better-sqlite3';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { configMap, pod, ready, start } from '../relay/cluster.ts';
import { createAuthority, issueNodeCertificate, writePair, writePem } from '../support/pki.ts';
import { until } from '../support/until.ts';
import { CORPUS } from './engine/corpus.ts';
import { fieldsOf } from './mutate/wire.ts';
import { bodyInput } from './targets/bodies.ts';
import { AUTHORITY_CERTIFICATE, AUTHORITY_KEY } from './targets/cluster-objects.ts';
import { startTwoDevices } from './two-devices.ts';

/** Of each kind of message so many are kept, the smallest of each size class: more of the same teach the fuzzer nothing. */
const KEPT_PER_KIND = 6;
/** What is larger fills the repository and is no other form. */
const MOST_BYTES = 8 * 1024;
/** Entries that a capture has made begin with it; all others stay. */
const PREFIX = 'real-';
const DEADLINE_MS = 30_000;
const DEVICE_LABEL = 'hawser.dev/device';
const NODE = 'edge-1';

/** Of Inventory.packed in link.proto. */
const PACKED_TAG = (3 << 3) | 2;

type Direction = 'agent-frames' | 'relay-frames';

/** Folder → kind → its samples by their hash. */
const samples = new Map<string, Map<string, Map<string, Uint8Array>>>();

function keep(folder: string, kind: string, bytes: Uint8Array): void {
  if (bytes.length > MOST_BYTES) return;
  const kinds = samples.get(folder) ?? new Map<string, Map<string, Uint8Array>>();
  samples.set(folder, kinds);
  const kept = kinds.get(kind) ?? new Map<string, Uint8Array>();
  kinds.set(kind, kept);
  kept.set(createHash('sha256').update(bytes).digest('hex'), Uint8Array.from(bytes));
}

/** Both ends are in this process, and ws tells each of them whole messages by the same event. */
function hookFrames(): void {
  const { emit } = WebSocket.prototype;
  WebSocket.prototype.emit = function hooked(this: WebSocket, event: string | symbol, ...args: unknown[]): boolean {
    const [data] = args;
    if (event === 'message' && Buffer.isBuffer(data)) keepFrame(isServerSide(this) ? 'agent-frames' : 'relay-frames', data);
    return Reflect.apply(emit, this, [event, ...args]);
  };
}

/** A client knows what it has dialled. */
function isServerSide(socket: WebSocket): boolean {
  return socket.url === undefined || socket.url === null || socket.url === '';
}

function keepFrame(direction: Direction, frame: Buffer): void {
  if (direction === 'agent-frames') {
    const message = decodeAgentMessage(frame);
    const kind = message.type === 'report' ? `report-${message.report.operation.type}` : message.type;
    keep(direction, kind, frame);
    if (message.type === 'inventory') keepUnpacked(frame);
    if (message.type === 'report' && message.report.operation.type !== 'remove')
      keep('json-bodies', kind, Buffer.from(message.report.operation.body));
    return;
  }
  const message = decodeRelayMessage(frame);
  keep(direction, kindOf(message), frame);
  if (message.type !== 'batch') return;
  for (const { change } of message.operations) {
    if (change.type === 'upsert') {
      keep('json-bodies', 'object', Buffer.from(decodeBody(change.body)));
      keep('bodies', change.body.encoding, bodyInput(change.body.encoding, change.body.size, change.body.bytes));
    }
    if (change.type === 'upsertDelta') keep('bodies', 'delta', bodyInput('delta', change.size, change.bytes));
  }
}

/** What the packed part of an inventory holds. */
function keepUnpacked(frame: Uint8Array): void {
  const [inventory] = fieldsOf(frame) ?? [];
  const packed = inventory && fieldsOf(inventory.value)?.find(({ tag }) => tag[0] === PACKED_TAG);
  if (packed !== undefined) keep('inventories', 'packed', zstdDecompressSync(packed.value));
}

function kindOf(message: RelayMessage): string {
  switch (message.type) {
    case 'batch':
      return `batch-${message.operations[0]?.change.type ?? 'empty'}`;
    case 'reportAnswer':
      return `reportAnswer-${message.outcome.type}`;
    case 'queryAnswer':
      return `queryAnswer-${message.answer.type}`;
    default:
      return message.type;
  }
}

const ending: (() => unknown)[] = [];
const t = { after: (end: () => unknown) => void ending.push(end) };

async function main(): Promise<void> {
  hookFrames();
  const folder = await mkdtemp(join(tmpdir(), 'hawser-capture-'));
  t.after(() => rm(folder, { recursive: true }));
  const authority = await createAuthority('agents');
  const clientCa = await writePem(folder, 'agents.crt', authority.certificatePem);
  const serving = await writePair(folder, 'relay', await authority.issueServer({ commonName: 'relay' }));
  const { kube, relay } = await start(t, {
    'tls.clientCa': clientCa,
    'tls.cert': serving.certificateFile,
    'tls.key': serving.keyFile,
  });
  await ready(relay);
  const pair = await writePair(folder, 'device', await issueNodeCertificate(authority, NODE));
  const dataDir = join(folder, 'data');
  const agent = () =>
    startAgent({
      settings: agentSettings(dataDir, relay.linkPort, pair, clientCa),
      clock: systemClock,
      random: Math.random,
      logger: pino({ level: 'silent' }),
    });

  let running = await agent();
  await until('the Node', DEADLINE_MS, undefined, () => kube.get('nodes', '', NODE));
  for (const object of objects()) await kube.create(object);
  const isRunning = (name: string) => async () => {
    const found = await kube.get('pods', 'default', name);
    const status = found?.status;
    return typeof status === 'object' && status !== null && 'phase' in status && status.phase === 'Running';
  };
  await until('the pods to run', DEADLINE_MS, undefined, isRunning('front'));
  for (let round = 0; round < 3; round += 1) {
    await kube.patch('configmaps', 'default', 'settings', {
      data: { round: String(round), text: 'a line of text\n'.repeat(40 * round) },
    });
  }
  await running.stop();
  await kube.create(configMap('more', { while: 'it was away' }));
  await kube.create(pod('second', NODE, 'more'));
  running = await agent();
  await until('the second pod to run', DEADLINE_MS, undefined, isRunning('second'));
  await kube.remove('pods', 'default', 'second');
  await until(
    'the second pod to go',
    DEADLINE_MS,
    undefined,
    async () => (await kube.get('pods', 'default', 'second')) === undefined,
  );
  for (const resource of ['pods', 'configmaps', 'secrets', 'nodes']) {
    const { body } = await kube.raw('GET', `/api/v1/${resource}`);
    keep('watch-stream', `list-${resource}`, Buffer.from(JSON.stringify(body)));
    const lines = (await kube.list(resource)).map((object) => JSON.stringify({ type: 'ADDED', object }));
    keep('watch-stream', `watch-${resource}`, Buffer.from(`${lines.slice(0, 4).join('\n')}\n${BOOKMARK}\n`));
  }
  await running.stop();
  fillStore(join(dataDir, 'agent.db'));
  keepStore(join(dataDir, 'agent.db'), join(folder, 'small.db'));
  for (const { certificatePem } of [
    authority,
    await issueNodeCertificate(authority, NODE),
    await authority.issueServer({ commonName: 'relay' }),
  ]) {
    const certificate = new X509Certificate(certificatePem);
    keep('certificates', certificate.ca ? 'authority' : 'leaf', certificate.raw);
    keep('public-keys', 'p256', certificate.publicKey.export({ type: 'spki', format: 'der' }));
  }
}

const BOOKMARK = JSON.stringify({
  type: 'BOOKMARK',
  object: {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { resourceVersion: '999', annotations: { 'k8s.io/initial-events-end': 'true' } },
  },
});

function agentSettings(dataDir: string, port: number, pair: { certificateFile: string; keyFile: string }, ca: string) {
  const flags = new Map([
    ['dataDir', dataDir],
    ['relay.urls', `wss://127.0.0.1:${port}`],
    ['tls.cert', pair.certificateFile],
    ['tls.key', pair.keyFile],
    ['tls.ca', ca],
    ['api.port', '0'],
    ['recheckSeconds', '1'],
    ['store.key', 'none'],
  ]);
  return resolveConfig({ env: {}, flags }).settings;
}

function objects(): KubeObject[] {
  const metadata = (name: string) => ({ name, namespace: 'default' });
  return [
    configMap('settings', { a: '1' }),
    { apiVersion: 'v1', kind: 'Secret', metadata: metadata('door'), type: 'Opaque', data: { code: 'c2VzYW1l' } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata('robot') },
    {
      ...pod('front', NODE, 'settings'),
      spec: {
        nodeName: NODE,
        serviceAccountName: 'robot',
        containers: [
          { name: 'main', image: 'app:1', envFrom: [{ configMapRef: { name: 'settings' } }, { secretRef: { name: 'door' } }] },
        ],
        volumes: [
          { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 3600 } }] } },
        ],
      },
    },
  ];
}

/** What the relay keeps of its devices and of its authority, from a relay that has one; of keys there stands only where they go. */
async function keepTrust(): Promise<void> {
  const world = await startTwoDevices(t);
  for (const object of await world.cluster.kube.list('configmaps', 'hawser-system')) {
    const folder = object.metadata.labels?.[DEVICE_LABEL] === undefined ? 'authority-objects' : 'device-records';
    keep(folder, 'configmap', Buffer.from(JSON.stringify(object)));
  }
  const secret = await world.cluster.kube.get('secrets', 'hawser-system', 'hawser-ca');
  if (secret === undefined) throw new Error('the relay has made no authority');
  const data = { ...(secret.data as object), 'ca.key': AUTHORITY_KEY, 'ca.crt': AUTHORITY_CERTIFICATE };
  keep('authority-objects', 'secret', Buffer.from(JSON.stringify({ ...secret, data })));
}

/** What TLS says first, to the relay's port and to the enrolment's. */
async function keepHellos(): Promise<void> {
  for (const [kind, ALPNProtocols] of [
    ['link', ['http/1.1']],
    ['enrolment', [ENROL_ALPN]],
    ['none', undefined],
  ] as const) {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const options = {
      port: address.port,
      host: '127.0.0.1',
      servername: 'localhost',
      ...(ALPNProtocols === undefined ? {} : { ALPNProtocols: [...ALPNProtocols] }),
    };
    const client = connect(options);
    // Nobody answers it.
    client.on('error', () => client.destroy());
    const [socket] = await once(server, 'connection');
    const [hello] = await once(socket, 'data');
    keep('client-hello', kind, hello);
    client.destroy();
    server.close();
  }
}

/** Rows of every table: what waits for the cloud, what it has refused, and what was asked for. */
function fillStore(path: string): void {
  const store = openStore({ path, logger: pino({ level: 'silent' }), clock: systemClock });
  for (const name of ['front.1', 'front.2']) {
    const key = { resource: 'events', namespace: 'default', name };
    const involvedObject = { kind: 'Pod', namespace: 'default', name: 'front' };
    const metadata = { name, namespace: 'default', uid: randomUUID() };
    store.storage.commit({ type: 'create', key, object: { apiVersion: 'v1', kind: 'Event', metadata, involvedObject } });
  }
  const [first] = store.outbox.pending(1);
  if (first === undefined) throw new Error('nothing waits in the outbox');
  store.outbox.answer(first.number, { type: 'refused', code: 403, reason: 'Forbidden', message: 'no' });
  const body = JSON.stringify({ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'disk' } });
  const disk = { resource: 'persistentvolumes', namespace: '', name: 'disk' };
  store.answers.put(disk, { type: 'found', readAt: 1, from: 'live', body });
  store.answers.put({ ...disk, name: 'none' }, { type: 'notFound', readAt: 1, from: 'live', message: 'no' });
  store.close();
}

/** One file without free pages, small ones, compressed. */
function keepStore(path: string, small: string): void {
  const db = new Database(path);
  db.pragma('journal_mode = DELETE');
  db.pragma('page_size = 1024');
  db.exec(`VACUUM INTO '${small}'`);
  db.close();
  const copy = new Database(small);
  const image = copy.serialize();
  copy.close();
  mkdirSync(join(CORPUS, 'store-base'), { recursive: true });
  writeFileSync(join(CORPUS, 'store-base', 'agent.db.zst'), zstdCompressSync(image));
}

function write(): void {
  for (const [folder, kinds] of samples) {
    const path = join(CORPUS, folder);
    mkdirSync(path, { recursive: true });
    for (const name of readdirSync(path)) if (name.startsWith(PREFIX)) rmSync(join(path, name));
    for (const [kind, kept] of kinds) {
      const bySize = [...kept.values()].sort((a, b) => a.length - b.length);
      // From the smallest to the largest, evenly.
      const count = Math.min(KEPT_PER_KIND, bySize.length);
      for (let index = 0; index < count; index += 1) {
        const sample = bySize[count === 1 ? 0 : Math.floor((index * (bySize.length - 1)) / (count - 1))];
        if (sample !== undefined) writeFileSync(join(path, `${PREFIX}${kind}-${index + 1}.bin`), sample);
      }
    }
  }
}

try {
  await main();
  await keepTrust();
  await keepHellos();
  write();
} finally {
  for (const end of ending.toReversed()) await end();
}
