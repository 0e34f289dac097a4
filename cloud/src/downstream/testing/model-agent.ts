import {
  type Ack,
  type AgentMessage,
  type Batch,
  bodyHash,
  Digest,
  decodeBody,
  type Hello,
  type Inventory,
  type Nack,
  type ObjectKey,
  type Operation,
  PROTOCOL_VERSIONS,
  type RelayMessage,
  type Version,
} from '@hawser/protocol';

export interface HeldObject {
  readonly version: Version;
  readonly refused: boolean;
}

/** The agent as the protocol describes it, in memory and without a kubelet: what a session is tested against. */
export class ModelAgent {
  readonly held = new Map<ObjectKey, HeldObject>();
  /** Called with each operation before it takes effect. */
  onOperation: (key: ObjectKey, operation: Operation, before: HeldObject | undefined) => void = () => undefined;
  /** Whether an upsert is refused. */
  refuses: (key: ObjectKey) => boolean = () => false;
  readonly #entriesPerFrame: number;
  #numbers = new Map<number, ObjectKey>();
  #lastBatch = 0;
  lastComplete = false;

  constructor(entriesPerFrame = 500) {
    this.#entriesPerFrame = entriesPerFrame;
  }

  digest(): string {
    const digest = new Digest();
    for (const [key, { version }] of this.held) digest.add(key, version);
    return digest.toString();
  }

  hello(): Hello {
    this.#numbers = new Map();
    this.#lastBatch = 0;
    this.lastComplete = false;
    return {
      type: 'hello',
      protocolVersions: PROTOCOL_VERSIONS,
      features: [],
      dictionaries: [],
      agentVersion: '0.0.0-model',
      storeId: '5'.repeat(32),
      clusterUid: undefined,
      digest: this.digest(),
      objects: this.held.size,
      epoch: undefined,
    };
  }

  receive(message: RelayMessage): AgentMessage[] {
    switch (message.type) {
      case 'batch':
        return [this.#batch(message)];
      case 'inventoryRequest':
        return this.#inventory();
      default:
        return [];
    }
  }

  #inventory(): Inventory[] {
    this.#numbers = new Map();
    const frames: Inventory[] = [];
    const all = [...this.held].map(([key, { version, refused }], index) => {
      this.#numbers.set(index + 1, key);
      return { number: index + 1, key, version, refused };
    });
    for (let at = 0; at < all.length; at += this.#entriesPerFrame) {
      frames.push({ type: 'inventory', entries: all.slice(at, at + this.#entriesPerFrame), last: false });
    }
    return [...frames, { type: 'inventory', entries: [], last: true }];
  }

  #batch({ number, operations, complete }: Batch): Ack {
    if (number !== this.#lastBatch + 1) throw new Error(`batch ${number} after ${this.#lastBatch}`);
    this.#lastBatch = number;
    this.lastComplete = complete;
    const nacks = operations.flatMap((operation) => this.#apply(operation));
    return { type: 'ack', number, digest: this.digest(), nacks };
  }

  #apply(operation: Operation): Nack[] {
    const { object, change } = operation;
    const key = operation.key ?? this.#numbers.get(object);
    if (key === undefined) throw new Error(`object ${object} was given no key`);
    const named = this.#numbers.get(object);
    if (named !== undefined && named !== key) throw new Error(`object ${object} is ${named} and not ${key}`);
    this.#numbers.set(object, key);
    const before = this.held.get(key);
    this.onOperation(key, operation, before);
    switch (change.type) {
      case 'upsert': {
        if (bodyHash(decodeBody(change.body)) !== change.version.hash) throw new Error(`${key}: body has another hash`);
        const refused = this.refuses(key);
        this.held.set(key, { version: change.version, refused });
        return refused ? [{ object, reason: 'store', detail: 'refused by the test' }] : [];
      }
      case 'touch': {
        if (before === undefined) return [{ object, reason: 'baseUnknown', detail: 'not held' }];
        this.held.set(key, { ...before, version: { ...before.version, resourceVersion: change.resourceVersion } });
        return before.refused ? [{ object, reason: 'baseUnknown', detail: 'refused before' }] : [];
      }
      case 'delete':
        if (before?.version.uid === change.uid) this.held.delete(key);
        return [];
      case 'upsertDelta':
        throw new Error('deltas were not agreed on');
    }
  }
}
