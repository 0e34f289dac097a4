import type { Database } from 'better-sqlite3';
import { resealAnswers } from './answers.ts';
import { PLAIN, type Seal } from './seal.ts';
import { about, SealedTexts, sealNameOf } from './sealed-texts.ts';
import { resealTokens } from './tokens.ts';

/** Rows of one step: some hundred KB with usual Secrets, 23 MB with the largest that there are. */
export const STEP_ROWS = 16;

export interface ResealStep {
  /** Rows that lie under the other seal now. */
  readonly rows: number;
  /** Where the next step goes on; undefined at the end. */
  readonly next: Position | undefined;
}

export interface Position {
  readonly table: number;
  /** The highest id that was looked at. */
  readonly after: number;
}

/** Moves what it finds above that id. @returns the highest id that it looked at, undefined where there is nothing more */
type Mover = (db: Database, from: Seal, to: Seal, after: number, limit: number) => { rows: number; last: number | undefined };

interface TextRecord {
  readonly id: number;
  readonly object: number;
  readonly resource: string;
  readonly text: string;
}

function textMover(select: string, update: string, aboutOf: (record: TextRecord) => string): Mover {
  return (db, from, to, after, limit) => {
    const [source, target] = [new SealedTexts(from), new SealedTexts(to)];
    const records = db.prepare<[number, number], TextRecord>(select).all(after, limit);
    const write = db.prepare<[string, number]>(update);
    let rows = 0;
    for (const record of records) {
      if ((sealNameOf(record.text) ?? PLAIN.name) !== from.name) continue;
      const text = source.take(record.text, aboutOf(record));
      // What does not open is mended like every other damage.
      if (text === '') continue;
      write.run(target.put(record.resource, text, aboutOf(record)), record.id);
      rows += 1;
    }
    return { rows, last: records.at(-1)?.id };
  };
}

const MOVERS: readonly Mover[] = [
  textMover(
    `SELECT id, id AS object, resource, body AS text FROM objects
     WHERE id > ? AND resource = 'secrets' AND body IS NOT NULL ORDER BY id LIMIT ?`,
    'UPDATE objects SET body = ? WHERE id = ?',
    ({ id }) => about.object(id),
  ),
  textMover(
    `SELECT w.number AS id, w.object, o.resource, w.body AS text FROM open_writes AS w CROSS JOIN objects AS o ON o.id = w.object
     WHERE w.number > ? AND o.resource = 'secrets' ORDER BY w.number LIMIT ?`,
    'UPDATE open_writes SET body = ? WHERE number = ?',
    ({ object }) => about.write(object),
  ),
  textMover(
    `SELECT revision AS id, revision AS object, resource, object AS text FROM changes
     WHERE revision > ? AND resource = 'secrets' AND object IS NOT NULL ORDER BY revision LIMIT ?`,
    'UPDATE changes SET object = ? WHERE revision = ?',
    ({ id }) => about.change(id),
  ),
  resealTokens,
  resealAnswers,
];

/**
 * Within a transaction: what lies under the one seal lies under the other, for the next rows.
 * @param position undefined to begin
 */
export function resealStep(db: Database, from: Seal, to: Seal, position: Position | undefined): ResealStep {
  const { table, after } = position ?? { table: 0, after: 0 };
  const move = MOVERS[table];
  if (move === undefined) return { rows: 0, next: undefined };
  const { rows, last } = move(db, from, to, after, STEP_ROWS);
  return { rows, next: last === undefined ? { table: table + 1, after: 0 } : { table, after: last } };
}
