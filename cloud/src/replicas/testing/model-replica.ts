import type { Outcome } from '../action.ts';
import { type Begun, Coordinator } from '../coordinator.ts';
import type { Lease, NodeLease } from '../lease.ts';
import type { Session } from '../node-entry.ts';
import type { ModelApi, ModelEvent } from './model-api.ts';

export interface ModelReplicaOptions {
  readonly api: ModelApi;
  readonly replica: string;
  readonly process: string;
  readonly nowMs: number;
  readonly random: () => number;
  readonly onReplaced: (session: Session, by: NodeLease) => void;
}

const RENEW_MS = 10_000;
const CALLS_PER_SECOND = 50;

/** One replica's coordinator, with its sessions, its calls under way and a watch that lags as far as a test lets it. */
export class ModelReplica {
  readonly replica: string;
  readonly sessions = new Map<string, Session>();
  /** Calls that have begun; those with an outcome have reached the API server. */
  readonly calls: { readonly begun: Begun; outcome: Outcome | undefined }[] = [];
  readonly #api: ModelApi;
  readonly #coordinator: Coordinator;
  /** What the watch has told, by name: what a list is compared with. */
  readonly #told = new Map<string, Lease>();
  #cursor = 0;
  #restores = -1;
  isContested = false;

  constructor({ api, replica, process, nowMs, random, onReplaced }: ModelReplicaOptions) {
    this.#api = api;
    this.replica = replica;
    this.#coordinator = new Coordinator({
      replica,
      process,
      renewMs: RENEW_MS,
      callsPerSecond: CALLS_PER_SECOND,
      nowMs,
      random,
      events: {
        claimed: () => undefined,
        takenOver: () => undefined,
        replaced: (session, by) => {
          this.sessions.delete(session.id);
          onReplaced(session, by);
        },
        marked: () => undefined,
        linkChanged: () => undefined,
        gone: () => undefined,
        contested: () => {
          this.isContested = true;
        },
        failing: () => undefined,
        recovered: () => undefined,
        wentBack: () => {
          this.#restores = -1;
          this.#told.clear();
        },
      },
    });
  }

  /** The one session of a node at this replica: the hub ends an older one itself. */
  open(session: Session, nowMs: number): void {
    for (const older of this.sessions.values()) if (older.node === session.node) this.end(older, nowMs);
    this.sessions.set(session.id, session);
    this.#coordinator.opened(session, nowMs);
  }

  end(session: Session, nowMs: number): void {
    if (this.sessions.delete(session.id)) this.#coordinator.ended(session, nowMs);
  }

  /** Begins all calls that may begin. */
  begin(nowMs: number): number {
    let count = 0;
    for (let begun = this.#coordinator.next(nowMs); begun !== undefined; begun = this.#coordinator.next(nowMs)) {
      this.calls.push({ begun, outcome: undefined });
      count += 1;
    }
    return count;
  }

  /** A call reaches the API server. */
  arrive(index: number): void {
    const call = this.calls[index % Math.max(this.calls.length, 1)];
    if (call !== undefined) call.outcome ??= this.#api.do(call.begun.action);
  }

  /** Its answer comes, or the connection breaks before: whether or not it had arrived. */
  answer(index: number, isLost: boolean, nowMs: number): void {
    const at = index % Math.max(this.calls.length, 1);
    const call = this.calls[at];
    if (call === undefined || (call.outcome === undefined && !isLost)) return;
    this.calls.splice(at, 1);
    const lost = { type: 'failed', why: 'unreachable', message: 'lost', retryAfterMs: undefined } as const;
    this.#coordinator.settled(call.begun, isLost ? lost : (call.outcome ?? lost), nowMs);
  }

  loseAll(nowMs: number): void {
    while (this.calls.length > 0) this.answer(0, true, nowMs);
  }

  /** The watch tells what came next; of a Lease that changed more than once only the last. */
  watch(most: number, nowMs: number): void {
    if (this.#restores !== this.#api.restores) {
      this.#list(nowMs);
      return;
    }
    const events = this.#api.history.slice(this.#cursor, this.#cursor + most);
    this.#cursor += events.length;
    const last = new Map<string, ModelEvent>();
    for (const event of events) last.set(event.type === 'put' ? event.lease.name : event.name, event);
    for (const event of last.values()) this.#tell(event, nowMs);
    const end = events.at(-1);
    if (end !== undefined) this.#coordinator.listed(end.type === 'put' ? end.lease.resourceVersion : end.resourceVersion, nowMs);
  }

  #list(nowMs: number): void {
    this.#restores = this.#api.restores;
    this.#cursor = this.#api.history.length;
    for (const lease of this.#api.leases.values()) this.#tell({ type: 'put', lease }, nowMs);
    for (const [name, { uid }] of [...this.#told]) {
      if (!this.#api.leases.has(name)) this.#tell({ type: 'delete', name, uid, resourceVersion: this.#api.revision }, nowMs);
    }
    this.#coordinator.listed(this.#api.revision, nowMs);
  }

  #tell(event: ModelEvent, nowMs: number): void {
    if (event.type === 'put') {
      const before = this.#told.get(event.lease.name);
      this.#told.set(event.lease.name, event.lease);
      if (before !== undefined && before.uid !== event.lease.uid) {
        this.#coordinator.observeGone(before.name, before.uid, event.lease.resourceVersion, nowMs);
      }
      this.#coordinator.observe(event.lease, nowMs);
    } else {
      const before = this.#told.get(event.name);
      this.#told.delete(event.name);
      if (before !== undefined) this.#coordinator.observeGone(event.name, before.uid, event.resourceVersion, nowMs);
    }
  }
}
