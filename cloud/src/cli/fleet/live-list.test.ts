import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../clock.ts';
import { List } from './list.ts';
import { LiveList } from './live-list.ts';
import type { Row } from './rows.ts';
import type { ScreenSize } from './screen.ts';

const ESC = '\u001b';
/** A control sequence, or one character. */
const PARTS = new RegExp(`${ESC}\\[[?\\d]*[A-Za-z]|.`, 'gsu');

/** What a terminal shows of it: the control sequences that are used, and no others. */
class Terminal {
  size: ScreenSize;
  #cells: string[][] = [];
  #row = 0;
  #column = 0;
  #wraps = true;
  written = '';

  constructor(size: ScreenSize) {
    this.size = size;
  }

  readonly write = (text: string) => {
    this.written += text;
    for (const [part] of text.matchAll(PARTS)) this.#take(part);
  };

  #take(part: string): void {
    if (part === '\x1b[H') [this.#row, this.#column] = [0, 0];
    else if (part === '\x1b[K') this.#line().length = Math.min(this.#line().length, this.#column);
    else if (part === '\x1b[J') {
      this.#line().length = Math.min(this.#line().length, this.#column);
      this.#cells.length = this.#row + 1;
    } else if (part === '\x1b[?7l') this.#wraps = false;
    else if (part === '\x1b[?7h') this.#wraps = true;
    else if (part === '\n') this.#down();
    else {
      assert.ok(!part.startsWith('\x1b'), JSON.stringify(part));
      if (this.#column >= this.size.columns) {
        if (this.#wraps) this.#down();
        else this.#column = this.size.columns - 1;
      }
      this.#line()[this.#column] = part;
      this.#column += 1;
    }
  }

  #line(): string[] {
    for (let row = this.#cells.length; row <= this.#row; row += 1) this.#cells[row] = [];
    return this.#cells[this.#row] ?? assert.fail();
  }

  #down(): void {
    this.#column = 0;
    if (this.#row + 1 < this.size.rows) this.#row += 1;
    else this.#cells.splice(0, 1);
    this.#line();
  }

  /** Without what is blank at the end. */
  shown(): string[] {
    return this.#cells
      .map((cells) =>
        Array.from(cells, (cell) => cell ?? ' ')
          .join('')
          .trimEnd(),
      )
      .join('\n')
      .trimEnd()
      .split('\n');
  }

  /** Where the cursor is, and whether lines wrap, as a shell finds it. */
  left() {
    return { row: this.#row, column: this.#column, wraps: this.#wraps };
  }
}

const row = (node: string, changes: Partial<Row> = {}): Row => ({
  ...{ node, state: 'inSync', detail: '', since: null, lagMs: 0, sentBytes: 1, receivedBytes: 2, agentVersion: '0.1.0' },
  ...{ replica: 'relay-1', ...changes },
});

function scene(size: ScreenSize, state: string[] = []) {
  const terminal = new Terminal(size);
  let tick = () => {};
  const clock: Clock = {
    now: () => new Date('2026-11-26T10:00:00Z'),
    after: (_, callback) => {
      tick = callback;
      return () => {
        tick = () => {};
      };
    },
  };
  const flags = { watch: true, output: 'text', state, sort: 'name' } as const;
  const list = new List(flags, [], { write: terminal.write, writeError: () => assert.fail('nothing goes beside the table') });
  const live = new LiveList({ list, write: terminal.write, size: () => terminal.size, clock });
  const rows = new Map<string, Row>();
  return { terminal, live, rows, tick: () => tick() };
}

const names = (terminal: Terminal) => terminal.shown().map((line) => line.split(' ')[0]);

test('rows that change are shown in their place, those that are new between the others, and nothing of what stood there before is left', () => {
  const { terminal, live, rows, tick } = scene({ columns: 100, rows: 10 });
  assert.deepEqual(terminal.shown(), ['waiting for what the replicas say …']);
  rows.set('truck-1', row('truck-1', { state: 'nodeNotLabelled' })).set('truck-3', row('truck-3'));
  live.follow({ [Symbol.iterator]: () => rows.values() });
  assert.deepEqual(names(terminal), ['NODE', 'truck-1', 'truck-3']);
  assert.match(terminal.shown()[1] ?? '', /^truck-1 +nodeNotLabelled +- +0s .*relay-1$/);
  rows.set('truck-1', row('truck-1', { replica: 'r' })).set('truck-2', row('truck-2'));
  tick();
  assert.deepEqual(names(terminal), ['NODE', 'truck-1', 'truck-2', 'truck-3']);
  assert.match(terminal.shown()[1] ?? '', /^truck-1 +inSync +.* r$/);
  rows.delete('truck-1');
  rows.delete('truck-2');
  tick();
  assert.deepEqual(names(terminal), ['NODE', 'truck-3']);
});

test('a node that leaves the wanted states leaves the table', () => {
  const { terminal, live, rows, tick } = scene({ columns: 100, rows: 10 }, ['down']);
  rows.set('a', row('a', { state: 'down' })).set('b', row('b'));
  live.follow({ [Symbol.iterator]: () => rows.values() });
  assert.deepEqual(names(terminal), ['NODE', 'a']);
  rows.set('a', row('a'));
  tick();
  assert.deepEqual(terminal.shown(), ['no node is known, or none of those that are meant']);
});

test('more nodes than the window has rows, wide characters and a window that shrinks move no line out of its place', () => {
  const { terminal, live, rows, tick } = scene({ columns: 30, rows: 8 });
  for (let n = 10; n < 99; n += 1) rows.set(`n-${n}`, row(`n-${n}`, { detail: '' }));
  live.follow({ [Symbol.iterator]: () => rows.values() });
  const lines = terminal.shown();
  assert.deepEqual(names(terminal), ['NODE', 'n-10', 'n-11', 'n-12', 'n-13', 'n-14', '…']);
  assert.equal(lines.at(-1), '… and 84 more: --state and --s…'.slice(0, 29).concat('…'));
  assert.ok(lines.every((line) => Array.from(line).length <= 30));
  terminal.size = { columns: 8, rows: 3 };
  tick();
  assert.deepEqual(names(terminal), ['NODE', '…']);
  terminal.size = { columns: 1, rows: 2 };
  tick();
  assert.equal(terminal.shown()[0], '…');
});

test('what is wrong stands below the table with its time, the last three, and takes rows from it', () => {
  const { terminal, live, rows, tick } = scene({ columns: 80, rows: 7 });
  for (let n = 1; n < 5; n += 1) rows.set(`n-${n}`, row(`n-${n}`));
  live.follow({ [Symbol.iterator]: () => rows.values() });
  for (const what of ['one', 'two', 'three', 'fo\x1b[2Jur']) live.trouble(what);
  tick();
  assert.deepEqual(terminal.shown().slice(1), [
    'n-1    inSync   -       0s    1 B    2 B        0.1.0     relay-1',
    '… and 3 more: --state and --sort choose',
    '10:00:00Z two',
    '10:00:00Z three',
    '10:00:00Z fo [2Jur',
  ]);
});

test('whenever it ends the cursor is below the table, seen, and lines wrap; after the end nothing is drawn', () => {
  const { terminal, live, rows, tick } = scene({ columns: 100, rows: 10 });
  rows.set('a', row('a'));
  live.follow({ [Symbol.iterator]: () => rows.values() });
  assert.deepEqual(terminal.left(), { row: 2, column: 0, wraps: true });
  assert.doesNotMatch(terminal.written, new RegExp(`${ESC}\\[(\\?25l|[\\d;]*m)`), 'no cursor is hidden, no colour set');
  live.end();
  const before = terminal.written;
  tick();
  assert.equal(terminal.written, before);
});
