import {
  type Ack,
  type AgentMessage,
  type Batch,
  DICTIONARIES,
  type Feature,
  HawserError,
  type Hello,
  type Inventory,
  type InventoryEntry,
  type NackReason,
  type Operation,
  PROTOCOL_VERSIONS,
  type RelayMessage,
  type SessionStatus,
  type Welcome,
} from '@hawser/protocol';
import { ObjectNumbers } from './object-numbers.ts';
import { SYNC_FACTS, type Sync, type SyncGoodbye, type SyncOptions, type SyncState, type SyncStats } from './types.ts';

const FEATURES: readonly Feature[] = ['delta'];

/** Entries of one inventory frame: some 80 KB, so that a slow link shows progress and no frame nears its bound. */
const INVENTORY_FRAME_ENTRIES = 500;

export function createSync(options: SyncOptions): Sync {
  return new SyncMachine(options);
}

/** Of a cluster whose API server was never restored. */
const FIRST_EPOCH = 1;

/** So few deletes are an ordinary change, whatever share of the set they are. */
const FEW_DELETES = 10;

/** What lasts as long as one link. */
interface LinkSession {
  readonly clusterUid: string;
  readonly epoch: number;
  readonly numbers: ObjectNumbers;
  lastBatch: number;
  /** How many deletes are obeyed before the relay has marked that it has sent all that is desired; undefined after that. */
  deletesLeft: number | undefined;
}

class SyncMachine implements Sync {
  readonly #options: SyncOptions;
  readonly #listeners = new Set<(state: SyncState) => void>();
  #state: SyncState = { name: 'disconnected', goodbye: undefined };
  #session: LinkSession | undefined;
  /** The last digest that the relay was given in this session. */
  #told = '';
  #stats = {
    batches: 0,
    operations: 0,
    nacks: 0,
    inventories: 0,
    checks: 0,
    byType: { upsert: 0, upsertDelta: 0, touch: 0, delete: 0 },
  };

  constructor(options: SyncOptions) {
    this.#options = options;
    // The last process may not have lived to say so, nor since when.
    const { store, clock } = options;
    const state = describe(this.#state);
    if (store.fact(SYNC_FACTS.session) !== state) {
      this.#note({ [SYNC_FACTS.session]: state, [SYNC_FACTS.since]: clock.now().toISOString() });
    }
  }

  hello(): Hello {
    const { store, agentVersion, clusterKeys, tellsState = false } = this.#options;
    const optional: readonly Feature[] = [
      ...(clusterKeys === undefined ? [] : (['clusterKeys'] as const)),
      ...(tellsState ? (['deviceState'] as const) : []),
    ];
    const { storeId, clusterUid, epoch } = store.identity();
    this.#session = undefined;
    this.#enter({ name: 'greeting' });
    this.#told = store.digest();
    return {
      type: 'hello',
      protocolVersions: PROTOCOL_VERSIONS,
      features: [...FEATURES, ...optional],
      dictionaries: DICTIONARIES.map(({ id }) => id),
      agentVersion,
      storeId,
      clusterUid,
      digest: this.#told,
      objects: store.objectCount(),
      epoch,
      authorities: this.#options.authorities?.(),
      clusterKeys: clusterKeys?.digest(),
    };
  }

  receive(message: RelayMessage): AgentMessage[] {
    switch (message.type) {
      case 'welcome':
        return this.#welcome(message);
      case 'status':
        this.#requireSession(message);
        this.#follow(message.status);
        return [];
      case 'inventoryRequest':
        return this.#inventory(this.#requireSession(message));
      case 'batch':
        return [this.#batch(this.#requireSession(message), message)];
      case 'reportAnswer':
      case 'queryAnswer':
      case 'renewed':
      case 'authorities':
      case 'clusterKeys':
      case 'deviceQuestion':
        this.#requireSession(message);
        return [];
      case 'goodbye':
        return this.#goodbye(message);
    }
  }

  check(): AgentMessage | undefined {
    const digest = this.#options.store.digest();
    if (this.#session === undefined || digest === this.#told) return undefined;
    const { lastBatch } = this.#session;
    this.#options.logger.warn({ batch: lastBatch, told: this.#told, digest }, 'digest is another than was told');
    this.#told = digest;
    this.#stats.checks += 1;
    return { type: 'check', number: lastBatch, digest };
  }

  disconnected(): void {
    const goodbye = this.#state.name === 'ended' || this.#state.name === 'disconnected' ? this.#state.goodbye : undefined;
    this.#session = undefined;
    if (this.#state.name !== 'disconnected') this.#enter({ name: 'disconnected', goodbye });
  }

  state(): SyncState {
    return this.#state;
  }

  onState(listener: (state: SyncState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stats(): SyncStats {
    return { ...this.#stats, byType: { ...this.#stats.byType } };
  }

  #welcome({ protocolVersion, clusterUid, epoch, relayVersion, nodeName, status }: Welcome): [] {
    const { store, logger } = this.#options;
    if (this.#state.name !== 'greeting') throw unexpected('welcome', this.#state);
    if (!PROTOCOL_VERSIONS.includes(protocolVersion)) {
      throw new HawserError('protocol', `the relay chose protocol version ${protocolVersion}, which was not offered`);
    }
    store.bindCluster(clusterUid);
    this.#meetEpoch(epoch);
    this.#note({ [SYNC_FACTS.relayVersion]: relayVersion, [SYNC_FACTS.nodeName]: nodeName });
    logger.info({ relayVersion, nodeName, clusterUid, epoch, protocolVersion }, 'session begun');
    const deletesLeft = unmarkedDeletes(store.objectCount());
    this.#session = { clusterUid, epoch, numbers: new ObjectNumbers(), lastBatch: 0, deletesLeft };
    this.#follow(status);
    return [];
  }

  /**
   * A later epoch is entered when everything held was compared in it, which the relay says by `inSync`; until then the old one is
   * claimed, so that after a crash in between the next session compares all of it again.
   * @throws HawserError `protocol` for an epoch that is over
   */
  #meetEpoch(epoch: number): void {
    const { store, logger } = this.#options;
    const own = store.identity().epoch;
    // Before epochs were remembered there was one.
    const held = own ?? FIRST_EPOCH;
    if (epoch < held) throw new HawserError('protocol', `the relay is in epoch ${epoch} of its cluster, this device in ${held}`);
    if (own === undefined && store.objectCount() === 0) {
      store.enterEpoch(epoch);
    } else if (epoch > held) {
      logger.warn({ epoch, held }, 'API server was restored: what is held is compared anew');
      store.outdateAnswers();
    }
  }

  /** The batches after it are differences to what it says. It and they come in order on one link, so nothing can overtake it. */
  #inventory({ numbers }: LinkSession): Inventory[] {
    numbers.restart();
    const frames: Inventory[] = [];
    let entries: InventoryEntry[] = [];
    for (const held of this.#options.store.inventory()) {
      if (entries.length === INVENTORY_FRAME_ENTRIES) {
        frames.push({ type: 'inventory', entries, last: false });
        entries = [];
      }
      entries.push({ number: numbers.assignNext(held.key), ...held });
    }
    frames.push({ type: 'inventory', entries, last: true });
    this.#told = this.#options.store.digest();
    this.#stats.inventories += 1;
    return frames;
  }

  #batch(session: LinkSession, { number, operations, complete }: Batch): Ack {
    const { store, clock, logger } = this.#options;
    if (number !== session.lastBatch + 1) {
      throw new HawserError('protocol', `batch ${number} came after batch ${session.lastBatch}`);
    }
    const deletesLeft = deletesAfter(session, operations, complete);
    const resolved = operations.map(({ object, key, change }) => ({ key: session.numbers.resolve(object, key), change }));
    const settled = complete || this.#state.name === 'inSync';
    const facts: Record<string, string> = settled ? { [SYNC_FACTS.lastSync]: clock.now().toISOString() } : {};
    const { nacks, digest } = store.applyBatch(session.clusterUid, resolved, facts);
    // Only now: what could not be taken may be given again.
    session.lastBatch = number;
    session.deletesLeft = deletesLeft;
    this.#told = digest;
    this.#stats.batches += 1;
    this.#stats.operations += operations.length;
    this.#stats.nacks += nacks.length;
    for (const { change } of operations) this.#stats.byType[change.type] += 1;
    return {
      type: 'ack',
      number,
      digest,
      nacks: nacks.flatMap(({ operation, reason, detail }) => {
        const refused = operations[operation];
        if (refused === undefined) return [];
        const fields = { key: resolved[operation]?.key, reason, detail };
        if (isRetried(refused, reason)) logger.info(fields, 'delta not applied, object asked for whole');
        else logger.warn(fields, 'object refused');
        return [{ object: refused.object, reason, detail }];
      }),
    };
  }

  #goodbye({ reason, detail, retryAfterMs }: SyncGoodbye): [] {
    this.#options.logger.info({ reason, detail, retryAfterMs }, 'relay said goodbye');
    this.#session = undefined;
    this.#enter({ name: 'ended', goodbye: { reason, detail, retryAfterMs } });
    return [];
  }

  #requireSession(message: RelayMessage): LinkSession {
    if (this.#session === undefined) throw unexpected(message.type, this.#state);
    return this.#session;
  }

  #follow({ state, detail }: SessionStatus): void {
    // Equal sets: what goes from here on is a change, and no longer the difference to what the relay may not know.
    if (state === 'inSync' && this.#session !== undefined) {
      this.#session.deletesLeft = undefined;
      this.#options.store.enterEpoch(this.#session.epoch);
    }
    if (state === 'syncing' || state === 'inSync') this.#enter({ name: state, detail });
    else this.#enter({ name: 'waiting', relay: state, detail });
  }

  #enter(state: SyncState): void {
    const { clock, logger } = this.#options;
    const before = describe(this.#state);
    // Until now it was: a device that was in sync for days and loses its link holds what is new.
    const wasInSync = this.#state.name === 'inSync';
    this.#state = state;
    const after = describe(state);
    if (after !== before) {
      const now = clock.now().toISOString();
      this.#note({
        [SYNC_FACTS.session]: after,
        [SYNC_FACTS.since]: now,
        ...(wasInSync || state.name === 'inSync' ? { [SYNC_FACTS.lastSync]: now } : {}),
      });
      logger.info({ from: before, to: after, detail: 'detail' in state ? state.detail : undefined }, 'session state');
    }
    for (const listener of this.#listeners) listener(state);
  }

  #note(facts: Readonly<Record<string, string>>): void {
    const { store, logger } = this.#options;
    try {
      store.setFacts(facts);
    } catch (err) {
      // A full disk is no reason to lose the link.
      logger.error({ err }, 'state of the session not noted');
    }
  }
}

/** The relay sends the object again: nothing is refused. */
function isRetried({ change }: Operation, reason: NackReason): boolean {
  return change.type === 'upsertDelta' && (reason === 'baseUnknown' || reason === 'hashMismatch');
}

/** Half of the set, or a few. */
function unmarkedDeletes(held: number): number {
  return Math.max(FEW_DELETES, Math.floor(held / 2));
}

/**
 * A relay that takes most of the set away must have said that it has sent all that is desired: one that knows nothing has not.
 * @returns how many deletes are left
 * @throws HawserError `protocol`
 */
function deletesAfter(
  { deletesLeft }: LinkSession,
  operations: Batch['operations'],
  complete: boolean,
): LinkSession['deletesLeft'] {
  if (complete || deletesLeft === undefined) return undefined;
  const left = deletesLeft - operations.filter(({ change }) => change.type === 'delete').length;
  if (left >= 0) return left;
  throw new HawserError('protocol', 'the relay deletes most of what is held and has not marked its set as complete');
}

function describe(state: SyncState): string {
  switch (state.name) {
    case 'waiting':
      return `waiting: ${state.relay}`;
    case 'ended':
      return `ended: ${state.goodbye.reason}`;
    default:
      return state.name;
  }
}

function unexpected(type: RelayMessage['type'], state: SyncState): HawserError {
  return new HawserError('protocol', `${type} may not come in state ${describe(state)}`);
}
