import type { Database } from 'better-sqlite3';
import type { Refusal, WriteVerb } from './types.ts';

interface RefusalRecord {
  readonly number: number;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly verb: WriteVerb;
  readonly subresource: string;
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly time: string;
}

/** Characters of a refusal's message that are kept. */
const MAX_MESSAGE = 1_000;

/** The last reports that the cloud has refused, for people to look at. */
export class RefusalTable {
  readonly #limit: number;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(db: Database, limit: number) {
    this.#limit = limit;
    this.#statements = prepare(db);
  }

  /** Within a transaction. */
  add({ number, key, verb, subresource, code, reason, message, time }: Refusal): void {
    const text = message.slice(0, MAX_MESSAGE);
    this.#statements.add.run(number, key.resource, key.namespace, key.name, verb, subresource, code, reason, text, time);
    this.#statements.prune.run(this.#limit);
  }

  newestFirst(): Refusal[] {
    return this.#statements.all
      .all()
      .map(({ resource, namespace, name, ...rest }) => ({ ...rest, key: { resource, namespace, name } }));
  }
}

function prepare(db: Database) {
  return {
    add: db.prepare<[number, string, string, string, WriteVerb, string, number, string, string, string]>(
      `INSERT OR REPLACE INTO refusals (number, resource, namespace, name, verb, subresource, code, reason, message, time)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    prune: db.prepare<[number]>(
      'DELETE FROM refusals WHERE number NOT IN (SELECT number FROM refusals ORDER BY number DESC LIMIT ?)',
    ),
    all: db.prepare<[], RefusalRecord>('SELECT * FROM refusals ORDER BY number DESC'),
  };
}
