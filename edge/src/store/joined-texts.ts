import { apiVersionOf, resourceById } from '@hawser/protocol';
import type { Database } from 'better-sqlite3';
import type { JoinedForm } from '../api/storage.ts';

interface Parts {
  readonly resource: string;
  /** How every text has to begin. */
  readonly head: string;
  readonly length: number;
  /** What takes the place of the head, before and after the revision. */
  readonly before: string;
  readonly after: string;
  /** Where what follows the head begins, from 1. */
  readonly from: number;
  readonly end: string;
  readonly separator: string;
}

/**
 * Puts the texts of all objects of a resource together in SQLite: a thousand of them come as one buffer, where reading them one by one makes
 * several strings of each. With the heap of an agent, which is kept small, that is a quarter of the work.
 */
export class JoinedTexts {
  readonly #statements: ReturnType<typeof prepare>;

  constructor(db: Database) {
    this.#statements = prepare(db);
  }

  /** @returns undefined where not all texts begin as they should: sealed ones, such of an older agent, or damaged */
  of(resource: string, namespace: string | undefined, form: JoinedForm): Uint8Array | undefined {
    const known = resourceById(resource);
    if (known === undefined) return undefined;
    const parts = partsOf(resource, servedHead(known.kind, apiVersionOf(known)), form);
    const found =
      namespace === undefined ? this.#statements.all.get(parts) : this.#statements.inNamespace.get({ ...parts, namespace });
    if (found === undefined || found.count !== found.fit) return undefined;
    return found.bytes ?? new Uint8Array();
  }

  count(resource: string, namespace: string | undefined): number {
    const found =
      namespace === undefined ? this.#statements.count.get(resource) : this.#statements.countInNamespace.get(resource, namespace);
    return found?.count ?? 0;
  }
}

/** How the text of an object in the change log begins; `resourceVersion` is put behind it. */
function servedHead(kind: string, apiVersion: string): string {
  return `{"kind":"${kind}","apiVersion":"${apiVersion}","metadata":{`;
}

function partsOf(resource: string, begin: string, form: JoinedForm): Parts {
  // There is something in the metadata, so that a comma may follow what is put before it.
  const head = `${begin}"`;
  const common = { resource, head, length: head.length, from: head.length, after: '",' };
  return form === 'items'
    ? { ...common, before: '{"metadata":{"resourceVersion":"', end: '', separator: ',' }
    : { ...common, before: `{"type":"ADDED","object":${begin}"resourceVersion":"`, end: '}\n', separator: '' };
}

interface Found {
  readonly bytes: Buffer | null;
  readonly count: number;
  readonly fit: number;
}

function prepare(db: Database) {
  const served = 'FROM objects AS o JOIN changes AS c ON c.revision = o.revision WHERE o.resource = @resource';
  // Rows reach the aggregate in the order of the inner query: it has no other way to them.
  const joined = (where: string) =>
    `SELECT CAST(group_concat(text, @separator) AS BLOB) AS bytes, count(*) AS count, total(fits) AS fit FROM (
       SELECT @before || o.revision || @after || substr(c.object, @from) || @end AS text, substr(c.object, 1, @length) = @head AS fits
       ${served}${where} ORDER BY o.namespace, o.name)`;
  const count = 'SELECT count(*) AS count FROM objects WHERE resource = ? AND revision IS NOT NULL';
  return {
    all: db.prepare<[Parts], Found>(joined('')),
    inNamespace: db.prepare<[Parts & { namespace: string }], Found>(joined(' AND o.namespace = @namespace')),
    count: db.prepare<[string], { count: number }>(count),
    countInNamespace: db.prepare<[string, string], { count: number }>(`${count} AND namespace = ?`),
  };
}
