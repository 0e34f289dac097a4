import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import {
  type AgentMessage,
  type Batch,
  Digest,
  decodeBody,
  decodeRelayMessage,
  encodeAgentMessage,
  type Hello,
  type KubeObject,
  type Nack,
  type ObjectKey,
  parseCanonical,
  type QueryAnswer,
  type Question,
  type RelayMessage,
  type Report,
  type ReportOutcome,
  type Version,
  type Welcome,
} from '@hawser/protocol';
import { WebSocket } from 'ws';
import type { CertificatePair } from '../support/pki.ts';

const DEADLINE_MS = 60_000;

/** Of a device that holds nothing. */
export const HELLO: Hello = {
  type: 'hello',
  protocolVersions: [1],
  features: [],
  dictionaries: [],
  agentVersion: 'scripted',
  storeId: '0'.repeat(32),
  clusterUid: undefined,
  digest: new Digest().toString(),
  objects: 0,
  epoch: undefined,
  authorities: undefined,
  clusterKeys: undefined,
};

/** What a device would keep: the relay's side is tested against it, frame by frame. */
export interface Held {
  readonly version: Version;
  readonly body: string;
}

/** An agent reduced to what the protocol asks of it: it applies batches to a map and acknowledges them. */
export class ScriptedAgent {
  readonly held = new Map<ObjectKey, Held>();
  /** Every message of the relay, in order. */
  readonly messages: RelayMessage[] = [];
  readonly closed: Promise<number>;
  /** It takes batches and says nothing of it. */
  isMute = false;
  /** It takes all but this object. */
  refuses: ObjectKey | undefined;
  readonly #socket: WebSocket;
  readonly #keys = new Map<number, ObjectKey>();
  readonly #events = new EventEmitter();
  #reports = 0;
  #queries = 0;

  /** Opens the link and says hello; resolves with the welcome. */
  static async dial(
    port: number,
    pair: CertificatePair,
    caPem: string,
    hello: Partial<Hello> = {},
  ): Promise<{ agent: ScriptedAgent; welcome: Welcome }> {
    const socket = new WebSocket(`wss://127.0.0.1:${port}/v1/link`, { cert: pair.certificatePem, key: pair.keyPem, ca: caPem });
    const agent = new ScriptedAgent(socket);
    await once(socket, 'open');
    agent.send({ ...HELLO, ...hello });
    const welcome = await agent.message('the welcome', (message) => message.type === 'welcome');
    assert.ok(welcome.type === 'welcome');
    return { agent, welcome };
  }

  constructor(socket: WebSocket) {
    this.#socket = socket;
    this.#events.setMaxListeners(0);
    this.closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('message', (data) => {
      assert.ok(Buffer.isBuffer(data));
      this.#receive(decodeRelayMessage(data));
    });
  }

  send(message: AgentMessage): void {
    this.#socket.send(encodeAgentMessage(message));
  }

  /** The first message, past or to come, that matches. */
  async message(what: string, matches: (message: RelayMessage) => boolean): Promise<RelayMessage> {
    return this.#wait(what, () => this.messages.find(matches));
  }

  /** Resolves once the session is in that state, as told by the relay's last word on it. */
  async state(name: string): Promise<void> {
    await this.#wait(`state ${name}`, () => {
      const last = this.messages.findLast((message) => message.type === 'status' || message.type === 'welcome');
      return last !== undefined && 'status' in last && last.status.state === name ? last : undefined;
    });
  }

  /** Resolves once the object is held and looks like that. */
  async holds(key: ObjectKey, matches: (object: KubeObject) => boolean = () => true): Promise<Held> {
    return this.#wait(`the object ${key}`, () => {
      const held = this.held.get(key);
      return held !== undefined && matches(parseCanonical(held.body, held.version.resourceVersion)) ? held : undefined;
    });
  }

  async lacks(key: ObjectKey): Promise<void> {
    await this.#wait(`the end of ${key}`, () => (this.held.has(key) ? undefined : true));
  }

  async report(report: Omit<Report, 'number'>): Promise<ReportOutcome> {
    this.#reports += 1;
    const number = this.#reports;
    this.send({ type: 'report', report: { ...report, number } });
    const answer = await this.message(`the answer to report ${number}`, (m) => m.type === 'reportAnswer' && m.number === number);
    assert.ok(answer.type === 'reportAnswer');
    return answer.outcome;
  }

  async ask(question: Question): Promise<QueryAnswer> {
    this.#queries += 1;
    const id = this.#queries;
    this.send({ type: 'query', query: { id, deadlineMs: DEADLINE_MS, question } });
    const answer = await this.message(`the answer to query ${id}`, (m) => m.type === 'queryAnswer' && m.id === id);
    assert.ok(answer.type === 'queryAnswer');
    return answer.answer;
  }

  close(): void {
    this.#socket.close();
  }

  #receive(message: RelayMessage): void {
    if (message.type === 'inventoryRequest') {
      this.#keys.clear();
      const entries = [...this.held].map(([key, { version }], index) => {
        this.#keys.set(index + 1, key);
        return { number: index + 1, key, version, refused: false };
      });
      this.send({ type: 'inventory', entries, last: true });
    }
    if (message.type === 'batch') this.#apply(message);
    this.messages.push(message);
    this.#events.emit('message');
  }

  #apply(batch: Batch): void {
    const nacks: Nack[] = [];
    for (const { object, key: named, change } of batch.operations) {
      if (named !== undefined) this.#keys.set(object, named);
      const key = this.#keys.get(object);
      assert.ok(key !== undefined, `number ${object} was never named`);
      if (key === this.refuses) nacks.push({ object, reason: 'store', detail: 'refused by the test' });
      const held = this.held.get(key);
      if (change.type === 'upsert') this.held.set(key, { version: change.version, body: decodeBody(change.body) });
      else if (change.type === 'delete') {
        assert.equal(held?.version.uid, change.uid);
        this.held.delete(key);
      } else if (change.type === 'touch') {
        assert.ok(held !== undefined, `touch of ${key}, which is not held`);
        this.held.set(key, { ...held, version: { ...held.version, resourceVersion: change.resourceVersion } });
      } else assert.fail('a delta was sent without the feature');
    }
    if (this.isMute) return;
    const digest = new Digest();
    for (const [key, { version }] of this.held) digest.add(key, version);
    this.send({ type: 'ack', number: batch.number, digest: digest.toString(), nacks });
  }

  async #wait<T>(what: string, look: () => T | undefined): Promise<T> {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    for (;;) {
      const seen = look();
      if (seen !== undefined) return seen;
      try {
        await once(this.#events, 'message', { signal });
      } catch (cause) {
        const types = this.messages.map((message) =>
          message.type === 'status' ? `status ${message.status.state}` : message.type,
        );
        throw new Error(`${what} did not come; what came: ${types.join(', ')}`, { cause });
      }
    }
  }
}
