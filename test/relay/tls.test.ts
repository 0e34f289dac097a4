import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type RequestOptions, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { encodeAgentMessage } from '@hawser/protocol';
import { WebSocket } from 'ws';
import { startEmbeddedApiServer } from '../apiserver/server.ts';
import { type CertificatePair, createAuthority, issueNodeCertificate, writePair, writePem } from '../support/pki.ts';
import { ready, registration, relayFor } from './cluster.ts';
import { metricsOf } from './metrics.ts';
import { HELLO, ScriptedAgent } from './scripted-agent.ts';

/** What the link's TLS takes and what it does not, at a whole relay. */

const DEADLINE_MS = 60_000;
/** RFC 5280, section 4.2.1.12. */
const EMAIL_PROTECTION = '1.3.6.1.5.5.7.3.4';
const NODE = { commonName: 'system:node:edge-1', organizations: ['system:nodes'] };

const authority = await createAuthority('agents');
const edge1 = await issueNodeCertificate(authority, 'edge-1');

async function start(t: TestContext, flags: Record<string, string> = {}) {
  const api = await startEmbeddedApiServer();
  t.after(() => api.close());
  const folder = await mkdtemp(join(tmpdir(), 'hawser-tls-'));
  t.after(() => rm(folder, { recursive: true }));
  const pair = await writePair(folder, 'link', await authority.issueServer({ commonName: 'relay' }));
  const { relay } = await relayFor(t, api, {
    'tls.cert': pair.certificateFile,
    'tls.key': pair.keyFile,
    'tls.clientCa': await writePem(folder, 'agents.crt', authority.certificatePem),
    ...flags,
  });
  await ready(relay);
  const { agent } = await ScriptedAgent.dial(
    relay.linkPort,
    await issueNodeCertificate(authority, 'bystander'),
    authority.certificatePem,
  );
  return {
    relay,
    /** A device beside it is served as ever. */
    async noticesNothing() {
      assert.match((await agent.report(registration('bystander'))).type, /applied|refused/);
    },
  };
}

/** What comes of asking for a link with that certificate: the status of the answer, or the code of the error in its place. */
function ask(port: number, options: RequestOptions): Promise<number | string> {
  return new Promise((resolve) => {
    const asked = request({
      port,
      host: '127.0.0.1',
      path: '/v1/link',
      ca: authority.certificatePem,
      agent: false,
      timeout: DEADLINE_MS,
      ...options,
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
        ...options.headers,
      },
    });
    asked.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve(response.statusCode ?? 0);
    });
    asked.on('response', (response) => resolve(response.resume().statusCode ?? 0));
    asked.on('error', (error) => resolve(`${'code' in error ? error.code : ''} ${error.message}`));
    asked.end();
  });
}

function as({ certificatePem: cert, keyPem: key }: CertificatePair): RequestOptions {
  return { cert, key };
}

async function handshake(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const { certificatePem: cert, keyPem: key } = edge1;
  const socket = connect({ port, host: '127.0.0.1', cert, key, ca: authority.certificatePem, ...options });
  await once(socket, 'secureConnect', { signal: AbortSignal.timeout(DEADLINE_MS) });
  return socket;
}

test('TLS before 1.3 is refused', async (t) => {
  const { relay, noticesNothing } = await start(t);
  for (const maxVersion of ['TLSv1.2', 'TLSv1.1'] as const) {
    const refusal = await ask(relay.linkPort, { ...as(edge1), minVersion: 'TLSv1', maxVersion });
    assert.match(`${refusal}`, /protocol version|no protocols|unsupported protocol/i);
  }
  assert.equal(await ask(relay.linkPort, as(edge1)), 101);
  await noticesNothing();
});

test('no ticket holds a certificate, and none resumes a session', async (t) => {
  const { relay } = await start(t);
  const first = connect({
    port: relay.linkPort,
    host: '127.0.0.1',
    cert: edge1.certificatePem,
    key: edge1.keyPem,
    ca: authority.certificatePem,
  });
  const [session]: Buffer[] = await once(first, 'session', { signal: AbortSignal.timeout(DEADLINE_MS) });
  assert.ok(session !== undefined);
  // With its state in it, a ticket has the client's certificate: some 700 bytes. This is a name for a state that nobody keeps.
  const ticket = first.getTLSTicket();
  assert.ok(ticket === undefined || ticket.length <= 32, `${ticket?.length} bytes`);
  first.destroy();
  for (let n = 0; n < 3; n += 1) {
    const again = await handshake(relay.linkPort, { session });
    assert.equal(again.isSessionReused(), false);
    again.destroy();
  }
});

for (const [keyExchange, groups, used] of [
  ['hybrid', undefined, 'X25519MLKEM768'],
  ['hybrid', 'X25519', 'X25519'],
  ['x25519', undefined, 'X25519'],
  ['x25519', 'X25519', 'X25519'],
] as const) {
  test(`with keyExchange ${keyExchange}, an agent that offers ${groups ?? 'what Node does'} uses ${used}`, async (t) => {
    const { relay } = await start(t, { keyExchange });
    const socket = await handshake(relay.linkPort, groups === undefined ? {} : { ecdhCurve: groups });
    assert.equal(Reflect.get(socket.getEphemeralKeyInfo() ?? {}, 'name'), used);
    assert.equal(socket.getProtocol(), 'TLSv1.3');
    socket.destroy();
  });
}

test('the ALPN name is http/1.1 or none; another is refused', async (t) => {
  const { relay, noticesNothing } = await start(t);
  for (const [offered, taken] of [
    [undefined, false],
    [['http/1.1'], 'http/1.1'],
    [['h2', 'http/1.1'], 'http/1.1'],
  ] as const) {
    const socket = await handshake(relay.linkPort, offered === undefined ? {} : { ALPNProtocols: [...offered] });
    assert.equal(socket.alpnProtocol, taken);
    socket.destroy();
  }
  await assert.rejects(handshake(relay.linkPort, { ALPNProtocols: ['h2'] }), /no application protocol/i);
  await noticesNothing();
});

test('a link needs a client certificate, of our authority, in its time, for clients', async (t) => {
  const { relay, noticesNothing } = await start(t);
  const another = await createAuthority('agents');
  const wrong: Record<string, RequestOptions> = {
    'no certificate': {},
    'another authority of the same name': as(await issueNodeCertificate(another, 'edge-1')),
    'one that has ended': as(await authority.issueClient({ ...NODE, lifetimeSeconds: -60 })),
    'one for servers': as(await authority.issueServer(NODE)),
    'one for something else': as(await authority.issueClient({ ...NODE, usages: [EMAIL_PROTECTION] })),
    'one that signed itself': as(await createAuthority('system:node:edge-1')),
  };
  const refused: Record<string, number | string> = {};
  for (const [what, options] of Object.entries(wrong)) refused[what] = await ask(relay.linkPort, options);
  for (const [what, answer] of Object.entries(refused)) {
    assert.match(`${answer}`, /^(ERR_SSL_\w*(CERTIFICATE|UNKNOWN_CA)\w*|ECONNRESET|EPIPE) /, `${what}: ${answer}`);
  }
  const metrics = await metricsOf(relay);
  assert.equal(metrics.get('hawser_relay_links_refused_total{why="tls"}'), Object.keys(wrong).length);
  assert.equal(await ask(relay.linkPort, as(edge1)), 101);
  await noticesNothing();
});

test('a certificate that is ours and names no node is told so', async (t) => {
  const { relay, noticesNothing } = await start(t);
  const others = [
    authority,
    await authority.issueClient({ commonName: 'edge-1', organizations: ['system:nodes'] }),
    await authority.issueClient({ commonName: 'system:node:edge-1' }),
    await authority.issueClient({ commonName: 'system:node:edge-1', organizations: ['system:nodes', 'system:masters'] }),
    await authority.issueClient({ commonName: 'system:node:../edge-1', organizations: ['system:nodes'] }),
  ];
  for (const pair of others) {
    const answer = await ask(relay.linkPort, as(pair));
    // The authority's own is none for clients at all where TLS says so.
    if (pair === authority) assert.match(`${answer}`, /^(403$|ERR_SSL_\w*CERTIFICATE|ECONNRESET|EPIPE)/);
    else assert.equal(answer, 403);
  }
  await noticesNothing();
});

test("the node is the certificate's, whatever headers and the hello say", async (t) => {
  const { relay, noticesNothing } = await start(t);
  const socket = new WebSocket(`wss://127.0.0.1:${relay.linkPort}/v1/link?node=edge-9`, {
    cert: edge1.certificatePem,
    key: edge1.keyPem,
    ca: authority.certificatePem,
    headers: {
      'x-node-name': 'edge-9',
      'x-remote-user': 'system:node:edge-9',
      'x-forwarded-client-cert': 'Subject="CN=system:node:edge-9,O=system:nodes"',
      'impersonate-user': 'system:node:edge-9',
      authorization: 'Bearer system:node:edge-9',
    },
  });
  await once(socket, 'open', { signal: AbortSignal.timeout(DEADLINE_MS) });
  const agent = new ScriptedAgent(socket);
  // A hello with a text in a field that nobody knows, where a name might stand.
  const name = Buffer.from('edge-9');
  const hello = Buffer.from(encodeAgentMessage({ ...HELLO, agentVersion: 'v' }));
  const field = Buffer.concat([Buffer.from([((99 << 3) % 128) | 128 | 2, (99 << 3) >> 7, name.length]), name]);
  const inner = Buffer.concat([hello.subarray(2), field]);
  assert.ok(hello.length - 2 === hello[1] && inner.length < 128, 'its length is one byte');
  socket.send(Buffer.concat([hello.subarray(0, 1), Buffer.from([inner.length]), inner]));
  const welcome = await agent.message('the welcome', ({ type }) => type === 'welcome');
  assert.ok(welcome.type === 'welcome');
  assert.equal(welcome.nodeName, 'edge-1');
  agent.close();
  await noticesNothing();
});
