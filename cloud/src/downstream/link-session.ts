import {
  type Ack,
  type Check,
  HawserError,
  type Hello,
  type Inventory,
  type Nack,
  type ObjectKey,
  type RelayMessage,
  type SessionStatus,
} from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { FIRST_EPOCH } from '../epoch/epochs.ts';
import { resourceOf } from '../store/index.ts';
import { Backlog, nothingSent } from './backlog.ts';
import { DeliveryTimes } from './delivery-times.ts';
import { type Agreement, agreementOf } from './encoding.ts';
import { KnownSet } from './known-set.ts';
import type { DownstreamLimits } from './limits.ts';
import { type Awaited, Patience } from './patience.ts';
import type { RememberedSets } from './remembered-sets.ts';
import { MOST_DETAIL, MOST_REFUSALS, type RefusalNote, ReportBuilder, type SessionReport } from './session-report.ts';
import type { Gate, SessionView } from './session-view.ts';
import type { RefusedObject, Session, SessionStats } from './types.ts';
import { type InflightBatch, Window } from './window.ts';

export interface LinkSessionOptions {
  readonly node: string;
  readonly view: SessionView;
  readonly limits: DownstreamLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly wake: () => void;
  readonly remembered: RememberedSets;
  readonly onRefused: (refusal: RefusedObject) => void;
  /** A batch was acknowledged, whose oldest change took so long from when it was marked, in ms. */
  readonly onDelivered: (milliseconds: number) => void;
  /** Whether the agent holds something newer than the relay has seen: only then is `recheckAhead` of use. */
  readonly onAhead: (session: LinkSession, isAhead: boolean) => void;
  readonly onClose: (session: LinkSession) => void;
}

/**
 * How much is known of what the agent holds.
 *
 * | phase | known | left by |
 * |---|---|---|
 * | greeting | nothing | hello → claimed |
 * | claimed | its digest. `pending` are the bodies without which the desired set's digest is not known | it is that of the desired set, or of what the last session left → tracking; it is not, or `hasWaited` → inventoryDue |
 * | inventoryDue | nothing, and it is not asked before `notBefore` (ms since the epoch) | pump → inventory |
 * | inventory | what has come of its inventory | the last frame → tracking |
 * | tracking | everything | a digest that does not match, or numbers used up → inventoryDue |
 * | closed | nothing any more | |
 *
 * All but greeting wait while the gate is closed; acks are taken in every phase.
 */
type Phase =
  | { readonly name: 'greeting' }
  | { readonly name: 'claimed'; readonly digest: string; readonly pending: Set<ObjectKey>; hasWaited: boolean }
  | { readonly name: 'inventoryDue'; readonly notBefore: number }
  | { readonly name: 'inventory'; readonly known: KnownSet }
  | { readonly name: 'tracking'; readonly backlog: Backlog }
  | { readonly name: 'closed' };

/** What one frame of an inventory may take on the wire, rounded up; in bytes. */
const INVENTORY_FRAME_BYTES = 128 * 1024;

export class LinkSession implements Session {
  readonly node: string;
  readonly #options: LinkSessionOptions;
  readonly #window: Window;
  readonly #times: DeliveryTimes;
  readonly #sent = nothingSent();
  readonly #counters = { nacks: 0, deltaRetries: 0, inventories: 0, recalled: 0, digestMismatches: 0, checkMismatches: 0 };
  /** Whole and plain until the hello says more. */
  #agreement: Agreement = agreementOf({ features: [], dictionaries: [] });
  #phase: Phase = { name: 'greeting' };
  #gate: Gate;
  #status: SessionStatus;
  #isInSync = false;
  #isAwake = false;
  /** The epoch in which what the agent holds was read. */
  #heldEpoch = FIRST_EPOCH;
  /** The last batch that was acknowledged, and what the digest has to be after it. */
  #acked = { number: 0, digest: '' };
  #lastInventory: number | undefined;
  readonly #patience: Patience;
  /** The last ones, for whoever asks; most sessions have none. */
  #refusals: readonly RefusalNote[] = [];
  /** The last ack or frame of an inventory, in ms since the epoch. */
  #answeredAt = 0;
  #cancelTimer: (() => void) | undefined;

  constructor(options: LinkSessionOptions) {
    this.#options = options;
    this.node = options.node;
    this.#window = new Window(options.limits, options.clock);
    const { clock, limits } = options;
    this.#patience = new Patience({ clock, answerMs: limits.answerMs, onOver: () => this.#wake() });
    this.#times = new DeliveryTimes(clock);
    this.#gate = options.view.gate();
    this.#status = this.#currentStatus();
  }

  hello(hello: Hello): SessionStatus {
    if (this.#phase.name === 'closed') return this.#status;
    if (this.#phase.name !== 'greeting') throw new HawserError('protocol', 'a second hello on one link');
    this.#agreement = agreementOf(hello);
    this.#times.lost();
    this.#phase = { name: 'claimed', digest: hello.digest, pending: new Set(), hasWaited: false };
    this.#heldEpoch = hello.epoch ?? FIRST_EPOCH;
    this.#followGate();
    if (this.#gate.state !== 'closed') this.#compare(this.#phase);
    this.#status = this.#currentStatus();
    // The first pump needs no wake.
    this.#isAwake = true;
    return this.#status;
  }

  receive(message: Inventory | Ack | Check): void {
    if (this.#phase.name === 'closed') return;
    if (this.#phase.name === 'greeting') throw new HawserError('protocol', `${message.type} before the hello`);
    switch (message.type) {
      case 'ack':
        this.#ack(message);
        break;
      case 'check':
        this.#check(message);
        break;
      case 'inventory':
        this.#inventory(message);
        break;
    }
    if (message.type !== 'check') this.#answeredAt = this.#options.clock.now().getTime();
    this.#patience.await(this.#awaited());
    this.#wake();
  }

  pump(): RelayMessage[] {
    if (this.#phase.name === 'closed' || this.#phase.name === 'greeting') return [];
    this.#followGate();
    const messages = this.#gate.state === 'closed' ? [] : this.#advance();
    this.#options.onAhead(this, this.#phase.name === 'tracking' && this.#phase.backlog.ahead > 0);
    const status = this.#currentStatus();
    if (status.state !== this.#status.state || status.detail !== this.#status.detail) {
      this.#status = status;
      messages.unshift({ type: 'status', status });
    }
    this.#isAwake = false;
    this.#patience.await(this.#awaited());
    return messages;
  }

  stalled(): string | undefined {
    return this.#patience.over;
  }

  status(): SessionStatus {
    return this.#status;
  }

  stats(): SessionStats {
    const backlog = this.#phase.name === 'tracking' ? this.#phase.backlog : undefined;
    return {
      needed: this.#options.view.needCount(),
      known: backlog?.known.size ?? 0,
      refused: backlog?.known.refused ?? 0,
      dirty: backlog?.dirty ?? 0,
      waiting: backlog?.waiting ?? 0,
      ahead: backlog?.ahead ?? 0,
      inflightBatches: this.#window.batches,
      inflightBytes: this.#window.bytes,
      // While nothing may be sent the state says why, and not the time.
      lagMs: this.#gate.state === 'closed' ? 0 : this.#times.lag(),
      ...this.#sent,
      ...this.#counters,
    };
  }

  report(most: number): SessionReport {
    const builder = new ReportBuilder(most);
    const { view } = this.#options;
    if (this.#phase.name === 'tracking') this.#phase.backlog.reportTo(builder);
    else {
      for (const key of view.needs()) {
        const { state } = view.desired(key);
        if (state !== 'absent' && state !== 'unwatched')
          builder.add(resourceOf(key), true, false, { key, why: 'notCompared', detail: '' });
      }
    }
    const answeredAt = this.#answeredAt === 0 ? undefined : new Date(this.#answeredAt);
    return { ...builder.build(), refusals: this.#refusals, answeredAt };
  }

  close(): void {
    if (this.#phase.name === 'closed') return;
    if (this.#phase.name === 'tracking') this.#options.remembered.remember(this.node, this.#phase.backlog.known);
    this.#phase = { name: 'closed' };
    this.#cancelTimer?.();
    this.#patience.close();
    this.#options.onClose(this);
  }

  /** What the node should hold under that key may have changed. */
  mark(key: ObjectKey): void {
    if (this.#phase.name === 'tracking') {
      this.#phase.backlog.mark(key);
      this.#wake();
    } else if (this.#phase.name === 'claimed' && this.#phase.pending.delete(key) && this.#phase.pending.size === 0) {
      this.#wake();
    }
  }

  /** The reflectors have moved on. */
  recheckAhead(): void {
    if (this.#phase.name === 'tracking' && this.#phase.backlog.recheckAhead()) this.#wake();
  }

  /** Something was listed a second time. */
  recheckDeletes(): void {
    if (this.#phase.name === 'tracking' && this.#phase.backlog.unconfirmed > 0) this.#wake();
  }

  /** By resource, the highest version that the agent holds and this relay has not seen. */
  aheadVersions(): ReadonlyMap<string, string> {
    return this.#phase.name === 'tracking' ? this.#phase.backlog.aheadVersions() : new Map();
  }

  gateChanged(): void {
    this.#wake();
  }

  #wake(): void {
    if (this.#isAwake || this.#phase.name === 'closed' || this.#phase.name === 'greeting') return;
    this.#isAwake = true;
    this.#options.wake();
  }

  #followGate(): void {
    const before = this.#gate.state;
    this.#gate = this.#options.view.gate();
    if (this.#gate.state === 'closed') this.#isInSync = false;
    // What the device runs is taken from it: that has to end with the mark of completeness (rule 3).
    if (this.#gate.state === 'removing' && before !== 'removing' && this.#phase.name === 'tracking')
      this.#phase.backlog.restart();
  }

  #advance(): RelayMessage[] {
    const messages: RelayMessage[] = [];
    if (this.#phase.name === 'claimed') this.#compare(this.#phase);
    if (this.#phase.name === 'tracking') {
      for (let batch = this.#phase.backlog.nextBatch(); batch !== undefined; batch = this.#phase.backlog.nextBatch()) {
        messages.push(batch);
      }
      if (this.#phase.backlog.known.assigned > this.#options.limits.sessionNumbers) this.#requireInventory();
    }
    if (this.#phase.name === 'inventoryDue' && this.#options.clock.now().getTime() >= this.#phase.notBefore) {
      this.#phase = { name: 'inventory', known: new KnownSet() };
      this.#lastInventory = this.#options.clock.now().getTime();
      this.#counters.inventories += 1;
      messages.push({ type: 'inventoryRequest' });
    }
    return messages;
  }

  #compare(claim: Extract<Phase, { name: 'claimed' }>): void {
    if (claim.pending.size > 0 && !claim.hasWaited) return;
    const { view, limits } = this.#options;
    const known = new KnownSet();
    claim.pending.clear();
    for (const key of view.needs()) {
      const desired = view.desired(key);
      if (desired.state === 'ready') known.assume(key, desired.body.version);
      if (desired.state === 'pending') claim.pending.add(key);
    }
    const isDesired = claim.pending.size === 0 && known.digest() === claim.digest;
    const left = this.#options.remembered.recall(this.node, claim.digest);
    if (left === undefined && claim.pending.size > 0 && !claim.hasWaited) {
      this.#wakeAfter(limits.bodyWaitMs, () => {
        claim.hasWaited = true;
      });
      return;
    }
    this.#cancelTimer?.();
    if (isDesired) {
      this.#track(known);
      this.#times.found([]);
    } else if (left !== undefined) {
      this.#counters.recalled += 1;
      this.#track(left.forNewSession(this.#heldEpoch < view.epoch())).restart();
    } else this.#phase = { name: 'inventoryDue', notBefore: 0 };
  }

  #inventory({ entries, last }: Inventory): void {
    if (this.#phase.name !== 'inventory') throw new HawserError('protocol', 'an inventory that was not asked for');
    if (this.#window.batches > 0) throw new HawserError('protocol', 'inventory before the acks of the batches before it');
    const { known } = this.#phase;
    if (known.size + entries.length > this.#options.limits.inventoryEntries) {
      throw new HawserError('protocol', `inventory of more than ${this.#options.limits.inventoryEntries} objects`);
    }
    for (const entry of entries) known.learn(entry, this.#heldEpoch < this.#options.view.epoch());
    if (last) this.#track(known).restart();
  }

  #track(known: KnownSet): Backlog {
    const { view, limits } = this.#options;
    const parts = { window: this.#window, sent: this.#sent, agreement: this.#agreement, times: this.#times };
    const backlog = new Backlog({ view, limits, known, ...parts });
    this.#acked = { ...this.#acked, digest: known.digest() };
    this.#phase = { name: 'tracking', backlog };
    return backlog;
  }

  #ack(ack: Ack): void {
    const { batch, changed } = this.#window.ack(ack);
    const backlog = this.#phase.name === 'tracking' ? this.#phase.backlog : undefined;
    const tookMs = this.#times.acknowledged(batch.objects.values());
    if (tookMs !== undefined) this.#options.onDelivered(tookMs);
    for (const nack of ack.nacks) this.#nack(nack, batch, backlog);
    this.#acked = { number: batch.number, digest: batch.digest.toString() };
    // Without a backlog an inventory is due or under way, which will tell more than this ack.
    if (backlog === undefined) return;
    if (this.#agrees(ack)) for (const key of changed) backlog.mark(key);
  }

  #nack({ object, reason, detail }: Nack, batch: InflightBatch, backlog: Backlog | undefined): void {
    const key = batch.objects.get(object);
    if (key === undefined) return;
    const { logger } = this.#options;
    const delta = batch.deltas.get(object);
    if (delta !== undefined && (reason === 'baseUnknown' || reason === 'hashMismatch')) {
      this.#counters.deltaRetries += 1;
      logger.info({ node: this.node, key, reason, detail }, 'delta not applied, object sent whole');
      if (reason === 'hashMismatch') this.#agreement.wholeOnly.add(key);
      this.#window.stayed(batch, key, delta);
      backlog?.stayed(key, delta);
      return;
    }
    // Of a whole object it would be no answer: one that is refused so is refused, or it would go again and again.
    if (reason === 'baseUnknown' && batch.touches.has(object)) {
      logger.info({ node: this.node, key, reason, detail }, 'touch of what the agent had refused, object sent whole');
      backlog?.untouched(key);
      return;
    }
    this.#counters.nacks += 1;
    logger.warn({ node: this.node, key, reason, detail }, 'object refused by agent');
    const refused = backlog?.known.refuse(key);
    if (refused === undefined) return;
    const { resourceVersion } = refused.version;
    const note = { at: this.#options.clock.now(), key, resourceVersion, reason, detail: detail.slice(0, MOST_DETAIL) };
    this.#refusals = [...this.#refusals, note].slice(-MOST_REFUSALS);
    this.#options.onRefused({ node: this.node, key, version: refused.version, reason, detail });
  }

  /** Acks and checks come in order on one link, so a check is about the last ack. */
  #check(check: Check): void {
    if (check.number !== this.#acked.number) {
      throw new HawserError('protocol', `check after batch ${check.number}, the last ack was of ${this.#acked.number}`);
    }
    if (this.#phase.name === 'claimed') this.#phase = { ...this.#phase, digest: check.digest };
    // Otherwise an inventory is due or under way, which will tell more.
    if (this.#phase.name === 'tracking') this.#agrees(check);
  }

  /** Whether the agent's set is what it should be after that batch; if not, the inventory is asked for. */
  #agrees({ type, number, digest }: Ack | Check): boolean {
    if (digest === this.#acked.digest) return true;
    this.#counters.digestMismatches += 1;
    if (type === 'check') this.#counters.checkMismatches += 1;
    const fields = { node: this.node, told: type, batch: number, expected: this.#acked.digest, actual: digest };
    this.#options.logger.warn(fields, 'digest mismatch');
    this.#requireInventory();
    return false;
  }

  /** Asks afresh, and not in a tight circle should the sets never agree. */
  #requireInventory(): void {
    const { clock, limits } = this.#options;
    const now = clock.now().getTime();
    const notBefore = this.#lastInventory === undefined ? now : this.#lastInventory + limits.inventoryIntervalMs;
    this.#phase = { name: 'inventoryDue', notBefore };
    this.#times.lost();
    // Not longer than the interval, should the clock have been set back.
    if (notBefore > now) {
      this.#wakeAfter(Math.min(notBefore - now, limits.inventoryIntervalMs), () => {
        if (this.#phase.name === 'inventoryDue') this.#phase = { name: 'inventoryDue', notBefore: 0 };
      });
    }
  }

  #awaited(): Awaited | undefined {
    const oldest = this.#window.oldest();
    if (oldest !== undefined) {
      const { number, bytes } = oldest.batch;
      return { what: `the ack of batch ${number}`, since: Math.max(oldest.at, this.#answeredAt), bytes };
    }
    if (this.#phase.name !== 'inventory') return undefined;
    const since = Math.max(this.#lastInventory ?? 0, this.#answeredAt);
    return { what: 'the inventory', since, bytes: INVENTORY_FRAME_BYTES };
  }

  #wakeAfter(milliseconds: number, then: () => void): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#options.clock.after(milliseconds, () => {
      then();
      this.#wake();
    });
  }

  /**
   * A device that is in sync stays so while changes flow, and the link is spared two statuses for each of them: it falls
   * behind when the window does not take what there is.
   */
  #currentStatus(): SessionStatus {
    if (this.#gate.state === 'closed') return { state: this.#gate.reason, detail: this.#gate.detail };
    const backlog = this.#phase.name === 'tracking' ? this.#phase.backlog : undefined;
    if (backlog === undefined || backlog.dirty > 0) this.#isInSync = false;
    else if (backlog.isSettled) this.#isInSync = true;
    if (this.#gate.state === 'removing') return { state: 'nodeNotLabelled', detail: this.#gate.detail };
    if (this.#isInSync) return { state: 'inSync', detail: '' };
    if (backlog !== undefined && backlog.unconfirmed > 0) {
      const detail = 'most of what the device holds is to be deleted: the relay lists once more before it believes that';
      return { state: 'syncing', detail };
    }
    const isBehind = backlog !== undefined && backlog.ahead > 0;
    return { state: 'syncing', detail: isBehind ? 'the device holds newer objects than this relay has seen' : '' };
  }
}
