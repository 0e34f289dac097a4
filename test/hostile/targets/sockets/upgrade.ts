import { ENROL_ALPN } from '@hawser/protocol';
import type { Opened, Target } from '../../engine/target.ts';
import { mutateJson } from '../../mutate/json.ts';
import { linesMutator } from '../../mutate/lines.ts';
import { MB, MS } from '../limits.ts';
import { exchange, statusesOf } from './exchange.ts';
import { openWorld, type World } from './world.ts';

/** As for links, and Node's parser of HTTP. */
const bounds = { ms: 3 * MS, bytes: 64 * MB, inputBytes: 128 * 1024 };

const HTTP_WORDS = [
  ...['GET /v1/link HTTP/1.1', 'POST /v1/nonce HTTP/1.1', 'POST /v1/join HTTP/1.1', 'CONNECT x:1 HTTP/1.1', 'PRI * HTTP/2.0'],
  ...['Host: x', 'Connection: Upgrade', 'Connection: close', 'Upgrade: websocket', 'Upgrade: h2c', 'Transfer-Encoding: chunked'],
  ...[
    'Transfer-Encoding: identity, chunked',
    'Content-Length: 18446744073709551616',
    'Content-Length: -1',
    'Content-Length: 5',
    'Expect: 100-continue',
  ],
  ...[
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    'Sec-WebSocket-Extensions: permessage-deflate; a="b',
    'ffffffffffffffff',
    '0',
    '',
  ],
  ...['\u0000', '%00', '/../', '?', '#', ' ', '\t', '\u0080', 'X: '.padEnd(9000, 'x'), 'Impersonate-User: system:node:truck-b'],
];

export const upgrade: Target = {
  name: 'upgrade',
  what: 'HTTP on the port of links, with the certificate of a device, at a real relay over TLS',
  corpus: ['upgrade'],
  bounds,
  mutators: [linesMutator(HTTP_WORDS, '\r\n')],
  open: () =>
    openHttp(({ a, authority }) => ({
      cert: a.pair.certificatePem,
      key: a.pair.keyPem,
      ca: authority.certificatePem,
      ALPNProtocols: ['http/1.1'],
    })),
};

export const enrolmentHttp: Target = {
  name: 'enrolment-http',
  what: 'HTTP at the enrolment endpoint, by a stranger, at a real relay over TLS',
  corpus: ['enrolment-http'],
  bounds,
  mutators: [linesMutator(HTTP_WORDS, '\r\n'), mutateJson],
  open: () => openHttp(() => ({ rejectUnauthorized: false, ALPNProtocols: [ENROL_ALPN] })),
};

async function openHttp(options: (world: World) => Parameters<typeof exchange>[0]): Promise<Opened> {
  const world = await openWorld();
  const connection = { ...options(world), port: world.cluster.relay.linkPort };
  return {
    async run(bytes) {
      const statuses = statusesOf(await exchange(connection, bytes));
      world.check();
      return statuses.some((status) => status < 400) ? 'taken' : 'refused';
    },
    state: () => world.objects(),
    close: () => world.close(),
  };
}
