import { createLogLevelControl } from '@hawser/settings';
import { pino } from 'pino';
import { Reviews, type SeenLink, startAdmin } from '../../../../cloud/src/admin/index.ts';
import { systemClock } from '../../../../cloud/src/clock.ts';
import { createAuthority } from '../../../support/pki.ts';
import type { Opened, Target } from '../../engine/target.ts';
import { linesMutator } from '../../mutate/lines.ts';
import { MB, MS } from '../limits.ts';
import { exchange, statusesOf } from './exchange.ts';

/** Stands in the corpus: it may look, and may change nothing. */
const VIEWER = 'fuzz-viewer';
const LEVEL = 'info';

const WORDS = [
  ...[
    'GET /hawser/nodes HTTP/1.1',
    'GET /hawser/nodes HTTP/1.0',
    'PUT /hawser/log-level HTTP/1.1',
    'CONNECT /hawser/nodes HTTP/1.1',
  ],
  ...[
    '?watch=true',
    '?limit=1&continue=',
    '?limit=1e9',
    '?limit=-1',
    '%2e%2e%2f',
    '/../',
    '%00',
    '#',
    '*',
    'https://x/hawser/nodes',
  ],
  ...['Transfer-Encoding: chunked', 'Content-Length: 99999999', 'Content-Length: 17', 'Expect: 100-continue', 'Upgrade: h2c'],
  ...[
    `Authorization: Bearer ${VIEWER}`,
    `Authorization: bearer  ${VIEWER}  `,
    'Authorization: Bearer ',
    'Authorization: Basic eA==',
  ],
  ...['{"level":"trace"}', '{"level":null}', '[]', '{"level":{}}', '\u0000', `Authorization: Bearer ${'x'.repeat(20_000)}`],
];

/** What administrators ask a relay over TLS: whoever may only look changes nothing, whatever is sent. */
export const admin: Target = {
  name: 'admin',
  what: "HTTP at a relay's endpoint for administrators, over TLS, by somebody who may look",
  corpus: ['admin'],
  // TLS on both sides; a head is over at 16 KB, a body at 1 KB.
  bounds: { ms: 2 * MS, bytes: 64 * MB, inputBytes: 128 * 1024 },
  mutators: [linesMutator(WORDS, '\r\n')],
  open,
};

async function open(): Promise<Opened> {
  const failures: string[] = [];
  const logger = pino({ level: 'error' }, { write: (line: string) => void failures.push(line) });
  const authority = await createAuthority('hawser-relays');
  const { certificatePem: cert, keyPem: key } = await authority.issueServer({ commonName: 'relay' });
  const logLevel = createLogLevelControl({ level: LEVEL, warn: () => undefined }, LEVEL);
  const nodes = ['truck-1', 'truck-2'];
  const links = new Map(nodes.map((node) => [node, linkOf(node)]));
  const server = await startAdmin({
    settings: { admin: { enabled: true, address: '127.0.0.1', port: 0 }, keyExchange: 'x25519' },
    serving: {
      current: () => ({ cert, key, clientCa: authority.certificatePem, validTo: new Date() }),
      onChange: () => () => undefined,
    },
    reviews: new Reviews({ api: cluster(), clock: systemClock, logger, apiCall: () => undefined }),
    replica: 'relay-1',
    version: '1',
    links: { all: () => [...links.values()], find: (node) => links.get(node) },
    epoch: () => 1,
    logLevel,
    metrics: { adminRequest: () => undefined },
    clock: systemClock,
    logger,
  });
  return {
    async run(bytes) {
      const answer = await exchange(
        { port: server.port, ca: authority.certificatePem, checkServerIdentity: () => undefined },
        bytes,
      );
      const [failure] = failures.splice(0);
      if (failure !== undefined) throw new Error(`a failure of the relay's own: ${failure}`);
      if (logLevel.state().level !== LEVEL) throw new Error('somebody who may only look has changed the level of the log');
      return statusesOf(answer).some((status) => status < 400) ? 'taken' : 'refused';
    },
    state: () => JSON.stringify(logLevel.state()),
    close: () => server.stop(),
  };
}

function linkOf(node: string): SeenLink {
  const status = { state: 'inSync', detail: '' } as const;
  const facts = {
    node,
    status,
    since: new Date(0),
    sentBytes: 1,
    receivedBytes: 2,
    lagMs: 0,
    agentVersion: '1',
    storeId: 's',
    remote: 'r',
  };
  return { node, facts: () => facts, report: () => undefined, askDevice: async () => ({ untold: 'it is none' }) };
}

/** Knows one token, which may get. */
function cluster() {
  return {
    async request({ path, body = '{}' }: { readonly path: string; readonly body?: string }) {
      const { spec } = JSON.parse(body);
      const status = path.endsWith('/tokenreviews')
        ? { authenticated: spec.token === VIEWER, user: { username: 'viewer', groups: [] } }
        : { allowed: spec.nonResourceAttributes.verb === 'get' };
      return { status: 201, headers: {}, text: JSON.stringify({ status }) };
    },
  };
}
