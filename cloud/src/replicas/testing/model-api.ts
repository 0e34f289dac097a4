import type { Action, Outcome } from '../action.ts';
import type { Lease } from '../lease.ts';

/** One entry of the history that watches read. */
export type ModelEvent =
  | { readonly type: 'put'; readonly lease: Lease }
  | { readonly type: 'delete'; readonly name: string; readonly uid: string; readonly resourceVersion: string };

/** What an API server does with Leases: conditional writes, one order, a history. */
export class ModelApi {
  readonly leases = new Map<string, Lease>();
  readonly history: ModelEvent[] = [];
  /** Writes that took effect, by the name of the Lease. */
  readonly writes: { readonly name: string; readonly action: Action }[] = [];
  /** Bumped when the server is restored from a backup: watches list again. */
  restores = 0;
  #revision = 0;
  #uids = 0;

  get revision(): string {
    return String(this.#revision);
  }

  do(action: Action): Outcome {
    const { name } = action;
    const there = this.leases.get(name);
    switch (action.type) {
      case 'read':
        return there === undefined ? { type: 'absent' } : { type: 'lease', lease: there };
      case 'create': {
        if (there !== undefined) return { type: 'conflict' };
        this.#uids += 1;
        return this.#put(action, `uid-${this.#uids}`);
      }
      case 'update':
        if (there === undefined) return { type: 'absent' };
        if (there.uid !== action.uid || there.resourceVersion !== action.resourceVersion) return { type: 'conflict' };
        return this.#put(action, there.uid);
      case 'delete':
        if (there === undefined) return { type: 'absent' };
        if (there.uid !== action.uid) return { type: 'conflict' };
        if (action.resourceVersion !== undefined && there.resourceVersion !== action.resourceVersion) return { type: 'conflict' };
        this.remove(name);
        this.writes.push({ name, action });
        return { type: 'absent' };
    }
  }

  /** As somebody with kubectl does. */
  remove(name: string): void {
    const there = this.leases.get(name);
    if (there === undefined) return;
    this.leases.delete(name);
    this.#revision += 1;
    this.history.push({ type: 'delete', name, uid: there.uid, resourceVersion: this.revision });
  }

  snapshot(): { readonly leases: readonly Lease[]; readonly revision: number } {
    return { leases: [...this.leases.values()], revision: this.#revision };
  }

  /** etcd from a backup: numbers and objects of then. */
  restore({ leases, revision }: ReturnType<ModelApi['snapshot']>): void {
    this.leases.clear();
    for (const lease of leases) this.leases.set(lease.name, lease);
    this.#revision = revision;
    this.history.length = 0;
    this.restores += 1;
  }

  #put(action: Extract<Action, { type: 'create' | 'update' }>, uid: string): Outcome {
    this.#revision += 1;
    const lease: Lease = { ...action.fields, name: action.name, uid, resourceVersion: this.revision };
    this.leases.set(action.name, lease);
    this.history.push({ type: 'put', lease });
    this.writes.push({ name: action.name, action });
    return { type: 'lease', lease };
  }
}
