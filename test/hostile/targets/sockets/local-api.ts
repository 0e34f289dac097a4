import type { ConnectionOptions } from 'node:tls';
import {
  type ApiRequest,
  type ApiResponse,
  createApiServer,
  createDevicePolicy,
  createRegistry,
  openMemoryStore,
} from '@hawser/edge';
import { pino } from 'pino';
import { API_TIMES } from '../../../../edge/src/api/http/times.ts';
import { createAuthority } from '../../../support/pki.ts';
import type { Opened, Target } from '../../engine/target.ts';
import { linesMutator } from '../../mutate/lines.ts';
import { MB, MS } from '../limits.ts';
import { exchange } from './exchange.ts';

/** Stands in the corpus: whoever may ask on the device has it. */
const TOKEN = 'fuzz-token';
const NODE = 'truck-1';

const WORDS = [
  ...[
    'GET /api/v1/pods HTTP/1.1',
    'PATCH /api/v1/namespaces/default/pods/a/status HTTP/1.1',
    'DELETE /api/v1/nodes/truck-1 HTTP/1.1',
    'POST /apis HTTP/1.1',
  ],
  ...[
    'Content-Type: application/yaml',
    'Content-Type: application/strategic-merge-patch+json',
    'Content-Type: application/json-patch+json',
    'Accept: application/json;as=Table;v=v1;g=meta.k8s.io',
  ],
  ...[
    'Transfer-Encoding: chunked',
    'Content-Length: 99999999',
    'Content-Length: 5',
    'Expect: 100-continue',
    'Connection: close',
    'Upgrade: SPDY/3.1',
    `Authorization: Bearer ${TOKEN}`,
  ],
  ...[
    '?watch=true&timeoutSeconds=1',
    '?limit=1&continue=',
    '?labelSelector=a in (b',
    '?fieldSelector=metadata.name=',
    '&resourceVersion=',
    '%00',
    '/../',
    '*',
  ],
  ...['{"metadata":{"name":"a"}}', '&a [*a]', '- - - -', '{', '[', '\u0000', 'X: '.padEnd(70_000, 'x')],
];

// 3 MB of body, parsed and kept, and TLS on both sides.
export const LOCAL_API_BOUNDS = { ms: 2 * MS, bytes: 96 * MB, inputBytes: 128 * 1024 };

/** The API of the device over TLS, with the store and the policy of an agent: what is refused changes no row. */
export const localApi: Target = {
  name: 'local-api',
  what: 'HTTP at the API of the device, over TLS, with the store and policy of an agent',
  corpus: ['local-api'],
  bounds: LOCAL_API_BOUNDS,
  mutators: [linesMutator(WORDS, '\r\n')],
  open: () => openLocalApi({}, (bytes) => bytes),
};

/** Whatever is sent, its connection is over before the fuzzer takes it for one that hangs. */
const QUICK = { ...API_TIMES, headersMs: 1_000, requestMs: 2_000, idleMs: 2_000, graceMs: 200, lookEveryMs: 200 };

/** @param sent what goes over the connection for an input */
export async function openLocalApi(tls: ConnectionOptions, sent: (input: Uint8Array) => Uint8Array): Promise<Opened> {
  const statuses: number[] = [];
  const failures: string[] = [];
  const logger = pino({ level: 'error' }, { write: (line: string) => void failures.push(line) });
  const clock = { now: () => new Date() };
  const store = openMemoryStore({ logger, clock });
  const authority = await createAuthority('of the device');
  const serving = await authority.issueServer({ commonName: 'device' });
  const policy = createDevicePolicy({
    nodeName: NODE,
    holderOf: (token) => (token === TOKEN ? 'administrator' : undefined),
    hasSynced: () => true,
  });
  const registry = createRegistry({ storage: store.storage, policy });
  const note = (_request: ApiRequest, response: ApiResponse) => {
    response.once('close', () => {
      if ('statusCode' in response) statuses.push(Number(response.statusCode));
    });
    return false;
  };
  const server = createApiServer({
    registry,
    tls: { cert: serving.certificatePem, key: serving.keyPem },
    logger,
    takeOver: note,
    times: QUICK,
  });
  const { port } = await server.listen(0);
  return {
    async run(bytes) {
      await exchange({ port, ca: authority.certificatePem, ...tls }, sent(bytes));
      const [failure] = failures.splice(0);
      if (failure !== undefined) throw new Error(`a failure of the server's own: ${failure}`);
      return statuses.splice(0).some((status) => status < 400) ? 'taken' : 'refused';
    },
    state: () => `${store.storage.revision()} ${store.outbox.count()} ${JSON.stringify(store.storage.list('pods'))}`,
    async close() {
      await server.close();
      store.close();
    },
  };
}
