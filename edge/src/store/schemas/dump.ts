import type { Database } from 'better-sqlite3';

interface SchemaEntry {
  readonly type: string;
  readonly name: string;
  readonly sql: string;
}

/** The database as the SQL that makes it again, a line for each row. Triggers come after the rows, which they would change. */
export function dump(db: Database): string {
  const entries = db
    .prepare<[], SchemaEntry>(
      "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name <> 'sqlite_sequence' ORDER BY rowid",
    )
    .all();
  const tables = entries.filter(({ type }) => type === 'table');
  const others = entries.filter(({ type }) => type !== 'table');
  const lines = [...tables.map(({ sql }) => `${sql};`), ...tables.flatMap(({ name }) => rowsOf(db, name))];
  // It is there where a table counts its rows, and made with that table.
  if (tables.some(({ sql }) => sql.includes('AUTOINCREMENT'))) {
    lines.push('DELETE FROM sqlite_sequence;', ...rowsOf(db, 'sqlite_sequence'));
  }
  lines.push(...others.map(({ sql }) => `${sql};`));
  for (const pragma of ['application_id', 'user_version']) {
    lines.push(`PRAGMA ${pragma} = ${db.pragma(pragma, { simple: true })};`);
  }
  return `${lines.join('\n')}\n`;
}

function rowsOf(db: Database, table: string): string[] {
  const columns = (db.pragma(`table_info(${table})`) as { readonly name: string }[]).map(({ name }) => name);
  const values = columns.map((column) => `quote("${column}")`).join(` || ', ' || `);
  const rows = db.prepare<[], { row: string }>(`SELECT ${values} AS row FROM ${table}`).all();
  return rows.map(({ row }) => `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${row});`);
}
