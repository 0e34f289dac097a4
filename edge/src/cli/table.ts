import type { ApiResource, KubeObject } from '@hawser/protocol';
import { printable } from '@hawser/settings';
import { columnsOf } from '../api/http/table/columns.ts';

export interface TableOptions {
  /** The columns that `kubectl -o wide` shows, too. */
  readonly wide: boolean;
  readonly withNamespace: boolean;
  readonly now: Date;
}

/** Objects as kubectl would show them. */
export function renderTable(
  resource: ApiResource,
  objects: readonly KubeObject[],
  { wide, withNamespace, now }: TableOptions,
): string {
  const columns = columnsOf(resource).filter((column) => wide || column.wide !== true);
  const header = [...(withNamespace ? ['NAMESPACE'] : []), ...columns.map(({ name }) => name.toUpperCase())];
  const rows = objects.map((object) => [
    ...(withNamespace ? [object.metadata.namespace ?? ''] : []),
    ...columns.map(({ cell }) => String(cell(object, now))),
  ]);
  return alignColumns([header, ...rows]);
}

/** Rows of equal length as lines with three spaces between columns. Whatever is in them, a terminal shows it. */
export function alignColumns(cells: readonly (readonly string[])[]): string {
  const rows = cells.map((row) => row.map(printable));
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('   ')
          .trimEnd()}\n`,
    )
    .join('');
}
