import { HawserError } from '@hawser/protocol';
import type { Database } from 'better-sqlite3';
import { MAX_FACT_LENGTH, MAX_FACTS } from './limits.ts';
import type { StoreIdentity } from './types.ts';

/**
 * `epoch` is the change log's; `cluster_epoch` the one of the cluster in which all that is held was compared last;
 * `reserved_revision` see UnloggedRevisions. `loss_event`: number of the report that tells of dropped Events; `loss_events_told`: how
 * many of these there were. `cluster_keys`: by which the cluster's ServiceAccount tokens are verified. `in_use`: 1 while an agent has the store open, see use-mark.ts. `seal`: name of the seal that all lies under which is sealed, set once nothing in the file shows it otherwise.
 */
type MetaName =
  | 'store_id'
  | 'cluster_uid'
  | 'cluster_epoch'
  | 'epoch'
  | 'digest'
  | 'reserved_revision'
  | 'loss_event'
  | 'loss_events_told'
  | 'in_use'
  | 'cluster_keys'
  | 'seal';

/** What the file says of itself, and the small facts that `status` shows. */
export class Meta {
  readonly #statements: ReturnType<typeof prepare>;

  constructor(db: Database) {
    this.#statements = prepare(db);
  }

  get(name: MetaName): string | undefined {
    return this.#statements.get.get(name)?.value;
  }

  set(name: MetaName, value: string): void {
    this.#statements.set.run(name, value);
  }

  remove(name: MetaName): void {
    this.#statements.remove.run(name);
  }

  identity(): StoreIdentity {
    const storeId = this.get('store_id');
    if (storeId === undefined) throw new HawserError('store_damaged', 'the store has no id');
    return { storeId, clusterUid: this.get('cluster_uid'), epoch: this.#clusterEpoch() };
  }

  /** What is no number tells nothing, and no relay would take it: as in a store that has never been in sync, all is compared. */
  #clusterEpoch(): number | undefined {
    const epoch = Number(this.get('cluster_epoch') ?? 0);
    return Number.isSafeInteger(epoch) && epoch > 0 ? epoch : undefined;
  }

  fact(name: string): string | undefined {
    return this.#statements.fact.get(name)?.value;
  }

  facts(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#statements.facts.all().map(({ name, value }) => [name, value]));
  }

  removeFact(name: string): void {
    this.#statements.removeFact.run(name);
  }

  setFact(name: string, value: string): void {
    this.#statements.setFact.run(name, value.slice(0, MAX_FACT_LENGTH));
    const facts = this.#statements.factCount.get()?.facts ?? 0;
    if (facts > MAX_FACTS) throw new HawserError('too_large', `more than ${MAX_FACTS} facts: ${name}`);
  }
}

function prepare(db: Database) {
  return {
    get: db.prepare<[string], { value: string }>('SELECT value FROM meta WHERE name = ?'),
    set: db.prepare<[string, string]>('INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)'),
    remove: db.prepare<[string]>('DELETE FROM meta WHERE name = ?'),
    fact: db.prepare<[string], { value: string }>('SELECT value FROM facts WHERE name = ?'),
    facts: db.prepare<[], { name: string; value: string }>('SELECT name, value FROM facts ORDER BY name'),
    removeFact: db.prepare<[string]>('DELETE FROM facts WHERE name = ?'),
    factCount: db.prepare<[], { facts: number }>('SELECT count(*) AS facts FROM facts'),
    setFact: db.prepare<[string, string]>('INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)'),
  };
}
