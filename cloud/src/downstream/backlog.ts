import { type Batch, compareResourceVersions, type ObjectKey, type OperationChange } from '@hawser/protocol';
import { type KeptBody, resourceOf } from '../store/index.ts';
import { AheadKeys, mayLead, mayNeed } from './ahead-keys.ts';
import { BatchBuilder } from './batch-builder.ts';
import { DeleteGuard } from './delete-guard.ts';
import type { DeliveryTimes } from './delivery-times.ts';
import { type Difference, difference } from './difference.ts';
import { DirtyKeys, isDelete, type Rank, rankOf } from './dirty-keys.ts';
import { type Agreement, type BodyChange, type BodyEncoding, bodyBytes, chooseChange, encodingOf } from './encoding.ts';
import type { KnownObject, KnownSet, ObjectName } from './known-set.ts';
import type { DownstreamLimits } from './limits.ts';
import type { Differing, ReportBuilder, Why } from './session-report.ts';
import type { SessionView } from './session-view.ts';
import type { DeltaStep, Window } from './window.ts';

/** Operations sent since the session began. */
export type SentCounters = ReturnType<typeof nothingSent>;

/** `upserts` are whole objects; `bodyBytes` are all, and then by encoding. */
export function nothingSent() {
  const bytes: Record<`${BodyEncoding}Bytes`, number> = { deltaBytes: 0, staticBytes: 0, zstdBytes: 0, identityBytes: 0 };
  return { batches: 0, upserts: 0, deltas: 0, touches: 0, deletes: 0, bodyBytes: 0, ...bytes };
}

export interface BacklogParts {
  readonly view: SessionView;
  readonly limits: DownstreamLimits;
  readonly window: Window;
  readonly known: KnownSet;
  readonly sent: SentCounters;
  readonly agreement: Agreement;
  readonly times: DeliveryTimes;
}

/**
 * What has still to be done so that the device holds what its node needs. A key whose desired and known version may differ is
 * in exactly one of these places, and each is left by `mark`, with the next look at the key:
 *
 * | place | why |
 * |---|---|
 * | dirty | its turn has not come |
 * | window | it is under way, and goes again after the ack if it changed meanwhile |
 * | waiting | its body is being fetched; or it is a pod, and an object that it needs has to go before it |
 * | ahead | the device holds something newer than this relay has seen |
 * | held | it is to be deleted, and something that is ahead, or that is to be deleted after the ack of its last version, may need it |
 * | kept | it is to be deleted with most of what the device holds, and that is being confirmed: see delete-guard.ts |
 */
export class Backlog {
  readonly known: KnownSet;
  readonly #view: SessionView;
  readonly #limits: DownstreamLimits;
  readonly #window: Window;
  readonly #sent: SentCounters;
  readonly #agreement: Agreement;
  readonly #times: DeliveryTimes;
  readonly #dirty = new DirtyKeys();
  readonly #waiting = new Set<ObjectKey>();
  readonly #waitedFor = new Map<ObjectKey, Set<ObjectKey>>();
  readonly #ahead = new AheadKeys();
  readonly #held = new Set<ObjectKey>();
  readonly #guard = new DeleteGuard();
  /** The last change that had no room in a batch, so that it is not encoded twice; none while there is nothing to send. */
  #unfit: { readonly kept: KeptBody; readonly known: KnownObject | undefined; readonly change: BodyChange } | undefined;
  /** What of the first difference is still to be sent or looked at, deletes not counted; undefined once the mark of completeness was sent. */
  #owed: Set<ObjectKey> | undefined;

  constructor({ view, limits, window, known, sent, agreement, times }: BacklogParts) {
    this.#view = view;
    this.#limits = limits;
    this.#window = window;
    this.known = known;
    this.#sent = sent;
    this.#agreement = agreement;
    this.#times = times;
  }

  get dirty(): number {
    return this.#dirty.size;
  }

  get waiting(): number {
    return this.#waiting.size + this.#held.size + this.#guard.size;
  }

  /** Deletes that wait until it is confirmed that most of what the device holds should go. */
  get unconfirmed(): number {
    return this.#guard.size;
  }

  get ahead(): number {
    return this.#ahead.size;
  }

  /** Everything desired is acknowledged. */
  get isSettled(): boolean {
    const idle = this.#owed === undefined && this.#window.batches === 0;
    return idle && this.dirty === 0 && this.waiting === 0 && this.ahead === 0;
  }

  /** Everything is to be looked at; the batch with which all that is desired has been sent says so, and no delete goes before it. */
  restart(): void {
    this.#guard.begin(this.known.size);
    this.#owed = new Set([...this.known.keys(), ...this.#view.needs()]);
    this.#times.found(this.#owed);
    for (const key of this.#owed) this.mark(key);
  }

  /** The key's desired version may have changed, or what it waited for has come. */
  mark(key: ObjectKey): void {
    const isUnderWay = this.#window.noteChange(key);
    this.#times.marked(key, isUnderWay);
    if (!isUnderWay) {
      this.#waiting.delete(key);
      this.#held.delete(key);
      this.#guard.forget(key);
      this.#dirty.add(key);
      if (mayLead(key)) this.#releaseHeld();
    }
    const pods = this.#waitedFor.get(key);
    if (pods === undefined) return;
    this.#waitedFor.delete(key);
    for (const pod of pods) this.mark(pod);
  }

  /** The agent could not apply a delta: it is as it was before, and the object goes again, whole. */
  stayed(key: ObjectKey, { from }: DeltaStep): void {
    this.known.stayed(key, from);
    this.#owed?.add(key);
    this.mark(key);
  }

  /** The agent has counted a touch and lacks the body that it was to leave in place: the object goes again, whole. */
  untouched(key: ObjectKey): void {
    this.known.untouched(key);
    this.#owed?.add(key);
    this.mark(key);
  }

  /** The reflectors have moved on. Returns whether there is something to look at again. */
  recheckAhead(): boolean {
    let found = false;
    for (const key of this.#ahead) {
      const known = this.known.get(key);
      if (known !== undefined && !this.#view.hasReached(key, known.version.resourceVersion)) continue;
      this.mark(key);
      found = true;
    }
    return found;
  }

  /** Of what is ahead, the highest version of each resource. */
  aheadVersions(): ReadonlyMap<string, string> {
    const highest = new Map<string, string>();
    for (const key of this.#ahead) {
      const version = this.known.get(key)?.version.resourceVersion;
      const before = highest.get(resourceOf(key));
      if (version !== undefined && (before === undefined || compareResourceVersions(version, before) > 0))
        highest.set(resourceOf(key), version);
    }
    return highest;
  }

  /** Adds everything that the device holds or should hold. */
  reportTo(report: ReportBuilder): void {
    const seen = new Set<ObjectKey>();
    for (const key of [...this.#view.needs(), ...this.known.keys()]) {
      if (seen.has(key)) continue;
      seen.add(key);
      const { state } = this.#view.desired(key);
      const isDesired = state === 'ready' || state === 'pending' || state === 'unusable';
      report.add(resourceOf(key), isDesired, this.known.get(key) !== undefined, this.#differing(key, state === 'unusable'));
    }
  }

  #differing(key: ObjectKey, isUnusable: boolean): Differing | undefined {
    const because = (why: Why, detail = '') => ({ key, why, detail });
    if (this.#window.holds(key)) return because('underWay');
    if (this.#dirty.has(key)) return because('toBeSent');
    if (this.#ahead.has(key)) return because('ahead');
    if (this.#held.has(key)) return because('heldDelete');
    if (this.#guard.keeps(key)) return because('unconfirmedDelete');
    if (this.#waiting.has(key)) {
      const before = [...this.#waitedFor].find(([, pods]) => pods.has(key))?.[0];
      return before === undefined ? because('waitsForBody') : because('waitsForObject', before);
    }
    if (isUnusable) return because('unreadable');
    return this.known.get(key)?.isRefused === true ? because('refused') : undefined;
  }

  /** The next batch that the window takes, counted as sent; undefined when there is nothing to send or no room. */
  nextBatch(): Batch | undefined {
    const room = this.#window.room();
    if (room === 0) return undefined;
    const builder = new BatchBuilder({ ...this.#limits, batchBytes: this.#window.batchBytes }, room);
    this.#releaseDeletes();
    this.#fill(builder);
    // All that is to be deleted has been seen only now.
    this.#releaseDeletes();
    if (builder.operations.length === 0) this.#fill(builder);
    if (this.isSettled) this.#guard.settled();
    const complete = this.#owed?.size === 0;
    if (builder.operations.length === 0 && !complete) return undefined;
    if (complete) this.#owed = undefined;
    this.#sent.batches += 1;
    const { operations, objects, deltas, touches, bytes } = builder;
    const number = this.#window.send({ bytes, digest: this.known.digestNow(), objects, deltas, touches });
    return { type: 'batch', number, operations, complete };
  }

  /** Those that are more than an ordinary change come with the mark of completeness or after it, also where bodies are long in coming. */
  #releaseDeletes(): void {
    const hasMark = this.#owed === undefined || this.#owed.size === 0;
    // Asked in any case, since it is the question that lets the lists be made.
    const mayGo = (resources: ReadonlySet<string>) => this.#view.isConfirmed(resources) && hasMark;
    for (const key of this.#guard.release(mayGo)) this.#dirty.defer(key);
  }

  #fill(builder: BatchBuilder): void {
    for (const { key, rank } of this.#dirty) if (!this.#take(key, rank, builder)) break;
  }

  /** Moves one dirty key to where it belongs. Returns false when it belongs into the next batch. */
  #take(key: ObjectKey, rank: Rank, builder: BatchBuilder): boolean {
    const found = this.#look(key);
    switch (found.type) {
      case 'nothing':
      case 'keep':
        this.#settle(key);
        this.#times.settled(key);
        return true;
      case 'pending':
        this.#dirty.delete(key);
        this.#waiting.add(key);
        return true;
      case 'ahead':
        this.#dirty.delete(key);
        this.#ahead.add(key);
        // It is this relay that lags, and not the device.
        this.#times.settled(key);
        return true;
      case 'delete':
        return this.#takeDelete(key, rank, found.uid, builder);
      case 'touch':
        return this.#takeTouch(key, found.body, builder);
      case 'upsert':
        return this.#takeUpsert(key, found.body, builder);
    }
  }

  #look(key: ObjectKey): Difference {
    const found = difference(this.#view.desired(key), this.known.get(key), (version) => this.#view.hasReached(key, version));
    if (found.type === 'ahead') return found;
    // What only stays as it is proves nothing: it may be newer than what can be sent later.
    if (found.type !== 'keep') this.known.prove(key);
    // One less that is ahead: deletes may no longer be held. Their ranks come last, so they are seen in this same pass.
    if (this.#ahead.delete(key)) this.#releaseHeld();
    return found;
  }

  #takeDelete(key: ObjectKey, rank: Rank, uid: string, builder: BatchBuilder): boolean {
    if (!isDelete(rank)) {
      this.#owed?.delete(key);
      this.#dirty.defer(key);
      return true;
    }
    if (this.#ahead.mayNeed(key) || this.#isNeededByEnding(key)) {
      this.#dirty.delete(key);
      this.#held.add(key);
      return true;
    }
    if (!this.#guard.admits(key, this.#dirty.size)) {
      this.#dirty.delete(key);
      return true;
    }
    if (!this.#add(key, builder, { type: 'delete', uid }, () => this.known.remove(key))) return false;
    this.#guard.sent();
    this.#agreement.wholeOnly.delete(key);
    this.#sent.deletes += 1;
    return true;
  }

  #takeTouch(key: ObjectKey, { version }: KeptBody, builder: BatchBuilder): boolean {
    const { resourceVersion } = version;
    if (!this.#add(key, builder, { type: 'touch', resourceVersion }, () => this.known.send(key, version))) return false;
    this.#sent.touches += 1;
    return true;
  }

  #takeUpsert(key: ObjectKey, kept: KeptBody, builder: BatchBuilder): boolean {
    const missing = this.#mustGoBefore(key);
    if (missing !== undefined) {
      this.#dirty.delete(key);
      this.#waiting.add(key);
      const pods = this.#waitedFor.get(missing);
      if (pods === undefined) this.#waitedFor.set(missing, new Set([key]));
      else pods.add(key);
      return true;
    }
    const change = this.#changeOf(key, kept);
    if (!this.#add(key, builder, change, () => this.known.send(key, kept.version))) {
      this.#unfit = { kept, known: this.known.get(key), change };
      return false;
    }
    this.#sent[change.type === 'upsertDelta' ? 'deltas' : 'upserts'] += 1;
    this.#sent.bodyBytes += bodyBytes(change);
    this.#sent[`${encodingOf(change)}Bytes`] += bodyBytes(change);
    return true;
  }

  /** What had no room in the last batch is the first to go with the next. */
  #changeOf(key: ObjectKey, kept: KeptBody): BodyChange {
    const known = this.known.get(key);
    const unfit = this.#unfit;
    this.#unfit = undefined;
    if (unfit?.kept === kept && unfit.known === known) return unfit.change;
    return chooseChange(key, kept, known, this.#agreement, this.#view);
  }

  /** @param count counts the operation in the known set. Returns false, and counts nothing, when it goes with the next batch. */
  #add(key: ObjectKey, builder: BatchBuilder, change: OperationChange, count: () => ObjectName): boolean {
    const before = this.known.get(key);
    if (!builder.fits(key, before, change)) return false;
    builder.add(key, count(), change, before);
    this.#settle(key);
    return true;
  }

  /** Something that exists, that the pod needs, and that the agent will not hold when the pod comes. */
  #mustGoBefore(key: ObjectKey): ObjectKey | undefined {
    if (rankOf(key) !== 'pod') return undefined;
    return this.#view.needsOfPod(key).find((need) => {
      const { state } = this.#view.desired(need);
      return (state === 'ready' || state === 'pending') && this.known.get(need) === undefined;
    });
  }

  /** A pod often ends right after its last change, which is then still under way: its own delete waits for that ack. */
  #isNeededByEnding(key: ObjectKey): boolean {
    for (const holder of this.#window.changed) {
      if (mayNeed(holder, key) && this.#view.desired(holder).state === 'absent') return true;
    }
    return false;
  }

  #releaseHeld(): void {
    for (const held of this.#held) this.#dirty.defer(held);
    this.#held.clear();
  }

  #settle(key: ObjectKey): void {
    this.#dirty.delete(key);
    this.#owed?.delete(key);
  }
}
