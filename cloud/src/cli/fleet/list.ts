import { printable } from '@hawser/settings';
import { alignColumns } from '../columns.ts';
import type { CliIo } from '../io.ts';
import { shown } from './ask.ts';
import { isWanted, type Row, type Sort, sorted } from './rows.ts';
import { bytesInWords, spanInWords } from './spans.ts';

export interface ListFlags {
  readonly watch: boolean;
  readonly output: 'text' | 'wide' | 'json';
  readonly state: readonly string[];
  readonly sort: Sort;
}

/** Where a watch of the fleet shows what it sees. */
export interface WatchOutput {
  /** All that there is; before it nothing else is shown, and from then on what changes. The rows are those of the watch: it changes them. */
  follow(rows: Iterable<Row>): void;
  /** One of them is another now. */
  one(row: Row): void;
  /** What is wrong, for a person. */
  trouble(text: string): void;
  /** The watch is over. */
  end(): void;
}

const COLUMNS = ['NODE', 'STATE', 'SINCE', 'LAG', 'SENT', 'RECEIVED', 'VERSION', 'REPLICA'];

/** Prints rows: a table, or JSON. While a watch follows, each row for itself, below those before. */
export class List implements WatchOutput {
  readonly #flags: ListFlags;
  readonly #names: readonly string[];
  readonly #io: Pick<CliIo, 'write' | 'writeError'>;
  #widths: readonly number[] = [];
  readonly #shown = new Set<string>();
  #follows = false;

  constructor(flags: ListFlags, names: readonly string[], io: Pick<CliIo, 'write' | 'writeError'>) {
    this.#flags = flags;
    this.#names = names;
    this.#io = io;
  }

  all(rows: readonly Row[]): void {
    const { output, watch } = this.#flags;
    const wanted = this.wanted(rows);
    for (const { node } of wanted) this.#shown.add(node);
    if (output === 'json') {
      this.#io.write(watch ? wanted.map(lineOf).join('') : `${JSON.stringify(wanted, null, 2)}\n`);
      return;
    }
    if (wanted.length === 0) this.#io.writeError('hawser-relay: no node is known, or none of those that are meant\n');
    const cells = this.table(wanted);
    this.#widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
    if (wanted.length > 0 || watch) this.#io.write(alignColumns(cells));
  }

  follow(rows: Iterable<Row>): void {
    this.all([...rows]);
    this.#follows = true;
  }

  one(row: Row): void {
    // One that leaves the wanted states is told of, too.
    const isWantedNow = this.#wants(row);
    if (!this.#follows || !(isWantedNow || this.#shown.has(row.node))) return;
    if (isWantedNow) this.#shown.add(row.node);
    else this.#shown.delete(row.node);
    if (this.#flags.output === 'json') this.#io.write(lineOf(row));
    else
      this.#io.write(
        `${this.#cells(row)
          .map((cell, column) => cell.padEnd(this.#widths[column] ?? 0))
          .join('   ')
          .trimEnd()}\n`,
      );
  }

  trouble(text: string): void {
    this.#io.writeError(`hawser-relay: ${printable(text)}\n`);
  }

  end(): void {}

  /** Those that are meant, in their order. */
  wanted(rows: Iterable<Row>): readonly Row[] {
    return sorted(
      [...rows].filter((row) => this.#wants(row)),
      this.#flags.sort,
    );
  }

  /** As cells, the header first. */
  table(rows: readonly Row[]): readonly (readonly string[])[] {
    return [this.#header(), ...rows.map((row) => this.#cells(row))];
  }

  #wants(row: Row): boolean {
    return isWanted(row, this.#names, this.#flags.state);
  }

  #header(): readonly string[] {
    return this.#flags.output === 'wide' ? [...COLUMNS, 'DETAIL'] : COLUMNS;
  }

  #cells({ node, state, since, lagMs, sentBytes, receivedBytes, agentVersion, replica, detail }: Row): readonly string[] {
    const cells = [
      node,
      state,
      since === null ? '-' : spanInWords(Date.now() - Date.parse(since)),
      lagMs === null ? '-' : spanInWords(lagMs),
      sentBytes === null ? '-' : bytesInWords(sentBytes),
      receivedBytes === null ? '-' : bytesInWords(receivedBytes),
      agentVersion ?? '-',
      replica ?? '-',
    ].map(shown);
    return this.#flags.output === 'wide' ? [...cells, shown(detail) || '-'] : cells;
  }
}

function lineOf(row: Row): string {
  return `${JSON.stringify(row)}\n`;
}
