import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { openStore, readStore } from '@hawser/edge';
import { resourceById } from '@hawser/protocol';
import Database from 'better-sqlite3';
import { pino } from 'pino';
import { readCorpus } from '../engine/corpus.ts';
import { attempt, type Opened, type Target } from '../engine/target.ts';
import { MB, MS } from './limits.ts';

/** SQLite's page cache, the rows of a store of some 100 KB, and its log. */
const BYTES = 64 * MB;

/**
 * The file of a real store, with edits. The input is a row of edits:
 * - `00`, three bytes of place, one of length, so many bytes: written over the file
 * - `01`, one byte: the file is cut to so many 256ths
 * - `02`, four bytes that choose table, row, column and kind of value, one of length, so many bytes: written into a cell by SQL
 */
export const store: Target = {
  name: 'store',
  what: 'a store whose file or cells are changed: opened, read, read again and used by the real code',
  corpus: ['store-edits'],
  // Opening writes and syncs files, which is time of the kernel in our name.
  bounds: { ms: 4 * MS, bytes: BYTES, inputBytes: 4096 },
  mutators: [],
  open: openTarget,
};

function openTarget(): Opened {
  const [packed] = readCorpus(['store-base']);
  if (packed === undefined) throw new Error('the corpus has no store');
  const image = zstdDecompressSync(packed);
  const folder = mkdtempSync(join(tmpdir(), 'hawser-fuzz-store-'));
  const logger = pino({ level: 'silent' });
  const clock = { now: () => new Date() };
  const path = join(folder, 'agent.db');
  return {
    run(input) {
      for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
      writeFileSync(path, edited(image, input), { mode: 0o600 });
      return attempt(() => {
        attempt(() => readAll(path));
        const opened = openStore({ path, logger, clock });
        try {
          const kinds = ['pods', 'configmaps', 'secrets', 'nodes', 'events'];
          for (const resource of kinds) if (resourceById(resource) !== undefined) opened.storage.list(resource);
          attempt(() => [...opened.inventory()]);
          for (let step = 0; step < 200; step += 1) if (attempt(() => opened.recheck.step()) === 'refused') break;
          opened.outbox.welcomed('edge-1');
          for (const report of opened.outbox.pending(100))
            opened.outbox.answer(report.number, { type: 'refused', code: 404, reason: 'NotFound', message: '' });
          opened.digest();
          opened.facts();
          for (const name of ['disk', 'none']) opened.answers.get({ resource: 'persistentvolumes', namespace: '', name });
          opened.tokens.count();
          opened.setFact('fuzz', 'x');
        } finally {
          opened.close();
        }
      });
    },
    close: () => rmSync(folder, { recursive: true }),
  };
}

function readAll(path: string): void {
  const read = readStore(path);
  if (read === undefined) return;
  try {
    for (const { resource } of read.counts()) read.list(resource);
    read.outboxEntries(100);
    read.refusals();
    read.refusedObjects();
    read.facts();
    read.identity();
    read.droppedEvents();
    read.digest();
    read.answer({ resource: 'persistentvolumes', namespace: '', name: 'disk' });
  } finally {
    read.close();
  }
}

function edited(image: Buffer, input: Uint8Array): Buffer {
  let bytes: Buffer = Buffer.from(image);
  let at = 0;
  const next = () => input[at++] ?? 0;
  while (at < input.length) {
    const kind = next() % 3;
    if (kind === 0) {
      const place = (next() * 65536 + next() * 256 + next()) % Math.max(1, bytes.length);
      const length = Math.min(next(), bytes.length - place);
      for (let index = 0; index < length; index += 1) bytes[place + index] = next();
    } else if (kind === 1) {
      bytes = bytes.subarray(0, Math.floor((bytes.length * next()) / 256));
    } else {
      bytes = withCell(bytes, next(), next(), next(), next(), input.subarray(at + 1, at + 1 + next()));
      at += input[at - 1] ?? 0;
    }
  }
  return bytes;
}

/** Cells of a file that earlier edits have broken stay as they are. */
function withCell(bytes: Buffer, table: number, row: number, column: number, kind: number, value: Uint8Array): Buffer {
  let db: Database.Database | undefined;
  try {
    db = new Database(Buffer.from(bytes));
    db.pragma('foreign_keys = OFF');
    db.pragma('writable_schema = ON');
    const tables = db.prepare<[], { name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all();
    const name = tables[table % tables.length]?.name ?? 'meta';
    const columns = db.prepare<[string], { name: string }>('SELECT name FROM pragma_table_info(?)').all(name);
    const cell = columns[column % columns.length]?.name ?? 'name';
    const keys = db.prepare<[string], { name: string }>('SELECT name FROM pragma_table_info(?) WHERE pk > 0').all(name);
    const rows = db.prepare<[], Record<string, unknown>>(`SELECT * FROM "${name}"`).all();
    const chosen = rows[row % Math.max(1, rows.length)];
    if (chosen === undefined || keys.length === 0) return bytes;
    const where = keys.map((key) => `"${key.name}" = ?`).join(' AND ');
    const values = [
      Buffer.from(value).toString('utf8'),
      Buffer.from(value),
      Number(BigInt(`0x0${Buffer.from(value.subarray(0, 6)).toString('hex')}`)),
      null,
    ];
    db.prepare(`UPDATE "${name}" SET "${cell}" = ? WHERE ${where}`).run(
      values[kind % values.length],
      ...keys.map((key) => chosen[key.name]),
    );
    return db.serialize();
  } catch (error) {
    if (error instanceof Database.SqliteError) return bytes;
    throw error;
  } finally {
    db?.close();
  }
}
