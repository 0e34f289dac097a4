import { printable } from '@hawser/settings';
import type { Clock } from '../../clock.ts';
import { alignColumns } from '../columns.ts';
import type { List, WatchOutput } from './list.ts';
import type { Row } from './rows.ts';
import { frameOf, roomOf, type ScreenSize } from './screen.ts';

/** Between two drawings, in ms: ages are in seconds, and a fleet that comes back changes hundreds of rows in one. */
const DRAW_MS = 1_000;
/** So many of the last things that were wrong stand below the table; older ones are forgotten. */
const MOST_TROUBLES = 3;
const NOBODY = 'no node is known, or none of those that are meant';

export interface LiveListOptions {
  readonly list: Pick<List, 'wanted' | 'table'>;
  readonly write: (text: string) => void;
  /** As it is now; undefined where the terminal has gone. */
  readonly size: () => ScreenSize | undefined;
  readonly clock: Clock;
}

/** A table on a terminal that is drawn again in its place, once a second: it follows changes, ages, and the size of the window. */
export class LiveList implements WatchOutput {
  readonly #options: LiveListOptions;
  readonly #troubles: string[] = [];
  #rows: Iterable<Row> | undefined;
  #cancel = () => {};

  constructor(options: LiveListOptions) {
    this.#options = options;
    this.#draw();
  }

  follow(rows: Iterable<Row>): void {
    this.#rows = rows;
    this.#draw();
  }

  /** The next drawing shows it. */
  one(): void {}

  trouble(text: string): void {
    this.#troubles.push(`${this.#options.clock.now().toISOString().slice(11, 19)}Z ${printable(text)}`);
    if (this.#troubles.length > MOST_TROUBLES) this.#troubles.shift();
  }

  end(): void {
    this.#cancel();
  }

  #draw(): void {
    this.#cancel();
    const { size, write, clock } = this.#options;
    const now = size();
    if (now !== undefined) write(this.#frame(now));
    this.#cancel = clock.after(DRAW_MS, () => this.#draw());
  }

  #frame(size: ScreenSize): string {
    const { list } = this.#options;
    if (this.#rows === undefined) return frameOf(['waiting for what the replicas say …', ...this.#troubles], size);
    const wanted = list.wanted(this.#rows);
    if (wanted.length === 0) return frameOf([NOBODY, ...this.#troubles], size);
    const room = Math.max(1, roomOf(size) - 1 - this.#troubles.length);
    // No more of thousands of rows is made into text than there is room for.
    const shown = wanted.length <= room ? wanted : wanted.slice(0, room - 1);
    const more = wanted.length - shown.length;
    const table = alignColumns(list.table(shown)).trimEnd().split('\n');
    return frameOf([...table, ...(more === 0 ? [] : [`… and ${more} more: --state and --sort choose`]), ...this.#troubles], size);
  }
}
