import {
  type Ack,
  type AgentMessage,
  applyDelta,
  type Batch,
  bodyHash,
  DICTIONARIES,
  Digest,
  decodeBody,
  type Hello,
  type Inventory,
  type Nack,
  type NackReason,
  type ObjectKey,
  type Operation,
  type OperationChange,
  PROTOCOL_VERSIONS,
  type RelayMessage,
  type Version,
} from '@hawser/protocol';

export interface HeldObject {
  readonly version: Version;
  readonly refused: boolean;
  /** Undefined where none of the object is held. Of a refused version the last good one. */
  readonly body: string | undefined;
}

type Refusal = Omit<Nack, 'object'>;

/** The agent as the protocol describes it, in memory and without a kubelet: what a session is tested against. */
export class ModelAgent {
  readonly held = new Map<ObjectKey, HeldObject>();
  /** In which what is held was compared last. */
  epoch: number | undefined;
  /** Called with each operation before it takes effect. */
  onOperation: (key: ObjectKey, operation: Operation, before: HeldObject | undefined) => void = () => undefined;
  /** Whether an upsert is refused. */
  refuses: (key: ObjectKey) => boolean = () => false;
  refusesWith: NackReason = 'store';
  /** Whether a delta leads to something else, as one does that was damaged. */
  spoils: (key: ObjectKey) => boolean = () => false;
  /** What it says in its hello that it takes. */
  features: readonly string[] = ['delta'];
  dictionaries: readonly string[] = DICTIONARIES.map(({ id }) => id);
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
      features: this.features,
      dictionaries: this.dictionaries,
      agentVersion: '0.0.0-model',
      storeId: '5'.repeat(32),
      clusterUid: undefined,
      digest: this.digest(),
      objects: this.held.size,
      epoch: this.epoch,
      authorities: undefined,
      clusterKeys: undefined,
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
    const refusal = this.#change(key, change, before);
    return refusal === undefined ? [] : [{ object, ...refusal }];
  }

  #change(key: ObjectKey, change: OperationChange, before: HeldObject | undefined): Refusal | undefined {
    switch (change.type) {
      case 'upsert': {
        const body = decodeBody(change.body);
        if (bodyHash(body) !== change.version.hash) throw new Error(`${key}: body has another hash`);
        return this.#put(key, change.version, body);
      }
      case 'upsertDelta': {
        if (before?.body === undefined || before.refused || before.version.hash !== change.baseHash) return refuse('baseUnknown');
        if (bodyHash(before.body) !== change.baseHash) return refuse('baseUnknown');
        const body = this.spoils(key) ? before.body : applyDelta(before.body, change);
        if (bodyHash(body) !== change.hash) return refuse('hashMismatch');
        const { resourceVersion, hash } = change;
        return this.#put(key, { uid: before.version.uid, resourceVersion, hash }, body);
      }
      case 'touch': {
        if (before === undefined) return refuse('baseUnknown');
        this.held.set(key, { ...before, version: { ...before.version, resourceVersion: change.resourceVersion } });
        return before.refused ? refuse('baseUnknown') : undefined;
      }
      case 'delete':
        if (before?.version.uid === change.uid) this.held.delete(key);
        return undefined;
    }
  }

  #put(key: ObjectKey, version: Version, body: string): Refusal | undefined {
    const refused = this.refuses(key);
    const before = this.held.get(key);
    const kept = before?.version.uid === version.uid ? before.body : undefined;
    this.held.set(key, { version, refused, body: refused ? kept : body });
    return refused ? refuse(this.refusesWith) : undefined;
  }
}

function refuse(reason: NackReason): Refusal {
  return { reason, detail: 'refused by the model' };
}
