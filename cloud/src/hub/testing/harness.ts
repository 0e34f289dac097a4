import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { request } from 'node:https';
import type { TestContext } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import {
  type AgentMessage,
  decodeRelayMessage,
  encodeAgentMessage,
  type Goodbye,
  HawserError,
  type Hello,
  type RelayMessage,
  type SessionStatus,
} from '@hawser/protocol';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { type CertificatePair, createAuthority, issueNodeCertificate } from '../../../../test/support/pki.ts';
import { systemClock } from '../../clock.ts';
import type { Session, SessionStats } from '../../downstream/index.ts';
import type { Serving, ServingMaterial } from '../../enroll/index.ts';
import { createPlainQueue } from '../../upstream/testing/plain-queue.ts';
import { type HubOptions, startHub } from '../hub.ts';

export const authority = await createAuthority('agents');
const server = await authority.issueServer({ commonName: 'relay' });
export const edge1 = await issueNodeCertificate(authority, 'edge-1');
export const edge2 = await issueNodeCertificate(authority, 'edge-2');
export const admin = await authority.issueClient({ commonName: 'kubernetes-admin', organizations: ['system:masters'] });
export const stranger = await issueNodeCertificate(await createAuthority('another'), 'edge-1');
export const TLS: ServingMaterial = {
  cert: server.certificatePem,
  key: server.keyPem,
  clientCa: authority.certificatePem,
  validTo: new Date(Date.now() + 1e9),
};
/** The same for as long as a hub lives. */
export const SERVING: Serving = { current: () => TLS, onChange: () => () => undefined };
export const CLUSTER = 'c0ffee00-0000-4000-8000-000000000001';
export const STATUS: SessionStatus = { state: 'syncing', detail: 'some objects' };
const NO_STATS: SessionStats = {
  needed: 0,
  known: 0,
  refused: 0,
  dirty: 0,
  waiting: 0,
  ahead: 0,
  inflightBatches: 0,
  inflightBytes: 0,
  lagMs: 0,
  batches: 0,
  upserts: 0,
  touches: 0,
  deletes: 0,
  bodyBytes: 0,
  deltas: 0,
  deltaBytes: 0,
  staticBytes: 0,
  zstdBytes: 0,
  identityBytes: 0,
  deltaRetries: 0,
  nacks: 0,
  inventories: 0,
  recalled: 0,
  digestMismatches: 0,
  checkMismatches: 0,
};
export const HELLO: Hello = {
  type: 'hello',
  protocolVersions: [1],
  features: [],
  dictionaries: [],
  agentVersion: '0.1.0',
  storeId: '1'.repeat(32),
  clusterUid: undefined,
  digest: '0'.repeat(32),
  objects: 0,
  epoch: undefined,
  authorities: undefined,
  clusterKeys: undefined,
};

/** For hubs whose agents ask nothing. */
export const NO_QUERIES: HubOptions['queries'] = {
  open: () => ({ ask: () => assert.fail('a query'), cancel: () => undefined, outstanding: () => 0, close: () => undefined }),
};

/** For hubs whose sessions nobody has to know of. */
export const NO_CLAIMS: Pick<HubOptions, 'claims' | 'onKubelet'> = {
  claims: { opened: () => undefined, ended: () => undefined },
  onKubelet: () => undefined,
};

/** For hubs that let every certificate in and renew none. */
export const NO_TRUST: HubOptions['trust'] = {
  devices: {
    verdict: () => ({ type: 'admitted', as: 'unknown' }),
    lookAgain: () => Promise.resolve(),
    linked: () => undefined,
    onChange: () => () => undefined,
  },
  renew: async () => ({ type: 'unavailable', retryAfterMs: 3_600_000, message: 'this relay issues no certificates' }),
  authorities: { current: () => undefined, onChange: () => () => undefined },
};

/** For hubs whose cluster's keys nobody knows. */
export const NO_KEYS: HubOptions['clusterKeys'] = {
  wanted: () => undefined,
  current: () => undefined,
  onChange: () => () => undefined,
};

/** A session that sends what a test gives it, and remembers what it received. */
export class ScriptedSession implements Session {
  readonly node: string;
  readonly wake: () => void;
  readonly received: AgentMessage[] = [];
  readonly outgoing: RelayMessage[][] = [];
  isClosed = false;
  wakesAgain = false;
  constructor(node: string, wake: () => void) {
    this.node = node;
    this.wake = wake;
  }
  hello(hello: Hello): SessionStatus {
    this.received.push(hello);
    return STATUS;
  }
  receive(message: AgentMessage): void {
    if (message.type === 'ack' && message.number === 99) throw new HawserError('protocol', 'batch 99 was never sent');
    if (message.type === 'ack' && message.number === 98) throw new Error('a fault of the relay');
    this.received.push(message);
  }
  pump(): RelayMessage[] {
    const messages = this.outgoing.shift() ?? [];
    if (this.wakesAgain && this.outgoing.length > 0) setImmediate(this.wake);
    return messages;
  }
  stalledBy: string | undefined;
  stalled = () => this.stalledBy;
  status = () => STATUS;
  counted: Partial<SessionStats> = {};
  stats = () => ({ ...NO_STATS, ...this.counted });
  report = () => ({ resources: [], differing: [], more: 0, refusals: [], answeredAt: undefined });
  close(): void {
    this.isClosed = true;
  }
}

export interface Options {
  limits?: Partial<HubOptions['settings']['limits']>;
  reports?: HubOptions['reports'];
  queries?: HubOptions['queries'];
  isClusterKnown?: boolean;
  epochs?: HubOptions['epochs'];
  keyExchange?: 'hybrid' | 'x25519';
  serving?: Serving;
  enrolment?: HubOptions['enrolment'];
  trust?: Partial<HubOptions['trust']>;
  clusterKeys?: HubOptions['clusterKeys'];
}

export async function start(t: TestContext, options: Options = {}) {
  const sessions: ScriptedSession[] = [];
  const seen: string[] = [];
  const events = new EventEmitter();
  const say = (what: string) => {
    seen.push(what);
    events.emit(what);
  };
  const hub = await startHub({
    settings: {
      link: { address: '127.0.0.1', port: 0 },
      keyExchange: options.keyExchange ?? 'hybrid',
      limits: {
        frameBytes: 64 * 1024,
        sessions: 10,
        handshakes: 10,
        handshakeSeconds: 5,
        pingSeconds: 8,
        answerSeconds: 300,
        bufferedBytes: 4 * 1024 * 1024,
        apiCalls: 4,
        apiCallsPerSecond: 1_000,
        queryCalls: 4,
        reportsPerSession: 4,
        reportBytesPerSession: 1024 * 1024,
        reportBytes: 256 * 1024 * 1024,
        queriesPerSession: 64,
        framesPerSecond: 500,
        receivingBytes: 256 * 1024 * 1024,
        connectionsPerAddress: 100,
        handshakesPerAddress: 100,
        supersededBytes: 0,
        ...options.limits,
      },
    },
    serving: options.serving ?? SERVING,
    relay: () => (options.isClusterKnown === false ? undefined : { relayVersion: '0.1.0', clusterUid: CLUSTER }),
    downstream: {
      open(node, wake) {
        const session = new ScriptedSession(node, wake);
        sessions.push(session);
        return session;
      },
    },
    reports:
      options.reports ??
      createPlainQueue({
        concurrency: 4,
        reportsPerLane: 4,
        perform: async (node) => ({ type: 'applied', uid: 'u', resourceVersion: '1', name: node }),
      }),
    queries: options.queries ?? NO_QUERIES,
    ...NO_CLAIMS,
    enrolment: options.enrolment,
    trust: { ...NO_TRUST, ...options.trust },
    clusterKeys: options.clusterKeys ?? NO_KEYS,
    metrics: {
      sessionOpened: () => say('opened'),
      sessionEnded: (how) => say(`ended ${how}`),
      sessionDrained: (outcome) => say(`drained ${outcome}`),
      received: () => undefined,
      sent: () => undefined,
      malformedFrame: () => say('malformed'),
      nack: (reason) => say(`nack ${reason}`),
      linkRefused: (why) => say(`refused ${why}`),
      boundReached: (bound) => say(`bound ${bound}`),
    },
    epochs: options.epochs ?? { current: 1, meet: () => ({ type: 'met' }) },
    clock: systemClock,
    random: () => 0.5,
    logger: pino({ level: 'silent' }),
  });
  t.after(() => hub.stop());
  return {
    hub,
    sessions,
    seen,
    /** Resolves when the hub has counted that. */
    counted: async (what: string) => {
      if (!seen.includes(what)) await once(events, what, { signal: AbortSignal.timeout(60_000) });
    },
    dial: (pair: CertificatePair = edge1) => Agent.dial(hub.port, pair),
  };
}

/** The other end of a link, frame by frame. */
export class Agent {
  readonly socket: WebSocket;
  readonly #messages: RelayMessage[] = [];
  readonly #events = new EventEmitter();
  readonly closed: Promise<number>;
  /** The header of that name in the answer to the dial. */
  date: string | undefined;

  /** @param ca whom the agent trusts */
  static async dial(port: number, pair: CertificatePair, ca = authority.certificatePem, headers = {}): Promise<Agent> {
    const agent = new Agent(
      new WebSocket(`wss://127.0.0.1:${port}/v1/link`, {
        cert: pair.certificatePem,
        key: pair.keyPem,
        ca,
        headers,
      }),
    );
    agent.socket.once('upgrade', ({ headers: answered }) => {
      agent.date = answered.date;
    });
    await once(agent.socket, 'open');
    return agent;
  }

  constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('message', (data) => {
      assert.ok(Buffer.isBuffer(data));
      this.#messages.push(decodeRelayMessage(data));
      this.#events.emit('message');
    });
  }

  send(message: AgentMessage): void {
    this.socket.send(encodeAgentMessage(message));
  }

  async next(): Promise<RelayMessage> {
    if (this.#messages.length === 0) await once(this.#events, 'message', { signal: AbortSignal.timeout(60_000) });
    const message = this.#messages.shift();
    assert.ok(message !== undefined);
    return message;
  }

  async greet(hello: Partial<Hello> = {}): Promise<RelayMessage> {
    this.send({ ...HELLO, ...hello });
    return this.next();
  }

  /** The goodbye, and the code with which the link was closed after it. */
  async goodbye(): Promise<{ goodbye: Goodbye; code: number }> {
    const goodbye = await this.next();
    assert.ok(goodbye.type === 'goodbye', goodbye.type);
    return { goodbye, code: await this.closed };
  }
}

export function report(number: number, name = 'front', body = '{}'): AgentMessage {
  return {
    type: 'report',
    report: {
      number,
      resource: 'pods',
      namespace: 'web',
      name,
      uid: undefined,
      subresource: '',
      operation: { type: 'update', body },
    },
  };
}

export function batchOf(bytes: number): RelayMessage {
  const version = { uid: 'u', resourceVersion: '1', hash: '0'.repeat(16) };
  const body = { encoding: 'identity' as const, bytes: Buffer.alloc(bytes), size: bytes };
  return {
    type: 'batch',
    number: 1,
    complete: false,
    operations: [{ object: 1, key: undefined, change: { type: 'upsert', version, body } }],
  };
}

export async function tls(port: number, pair: CertificatePair, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const { certificatePem: cert, keyPem: key } = pair;
  const socket = connect({ port, host: '127.0.0.1', cert, key, ca: authority.certificatePem, ...options });
  await once(socket, 'secureConnect');
  return socket;
}

/** One request for an upgrade that is expected to be refused. */
export function upgrade(
  port: number,
  pair: CertificatePair | undefined,
  path = '/v1/link',
  isUpgrade = true,
): Promise<{ status: number; text: string; retryAfter: string | undefined }> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        port,
        host: '127.0.0.1',
        path,
        ca: authority.certificatePem,
        agent: false,
        ...(pair === undefined ? {} : { cert: pair.certificatePem, key: pair.keyPem }),
        headers: isUpgrade
          ? {
              connection: 'Upgrade',
              upgrade: 'websocket',
              'sec-websocket-version': '13',
              'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
            }
          : {},
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, text, retryAfter: response.headers['retry-after'] }),
        );
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}

/** A binary WebSocket message of less than 126 bytes as a client sends it, masked with zeros (RFC 6455, 5.2). */
export function maskedFrame(payload: Uint8Array): Buffer {
  assert.ok(payload.length < 126);
  return Buffer.concat([Buffer.from([0x82, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}
