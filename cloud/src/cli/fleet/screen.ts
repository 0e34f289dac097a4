/** Of a terminal, in cells. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** Control sequences (ECMA-48, and DECAWM of the VT100). */
const HOME = '\x1b[H';
const ERASE_LINE = '\x1b[K';
const ERASE_BELOW = '\x1b[J';
/** A wide character in the last column would begin a new line, and what stands below would be one line further down. */
const NO_WRAP = '\x1b[?7l';
const WRAP = '\x1b[?7h';

/** Lines that fit: the cursor stands in the last row, and a line there would move all the others. */
export function roomOf({ rows }: ScreenSize): number {
  return Math.max(1, rows - 1);
}

/**
 * What is written to show these lines in place of what a terminal shows: from its upper left corner, without a moment in which it is empty.
 * Lines and parts of lines for which there is no room are left out. The cursor ends below them at the beginning of a line, and is neither
 * hidden nor is anything else of the terminal left changed: whatever ends the program after a whole frame, nothing has to be put right.
 */
export function frameOf(lines: readonly string[], size: ScreenSize): string {
  const drawn = lines.slice(0, roomOf(size)).map((line) => `${cut(line, size.columns)}${ERASE_LINE}\n`);
  return `${NO_WRAP}${HOME}${drawn.join('')}${ERASE_BELOW}${WRAP}`;
}

/** By characters: one that takes two cells is cut by the terminal. */
function cut(line: string, columns: number): string {
  const characters = Array.from(line);
  return characters.length <= columns ? line : `${characters.slice(0, Math.max(0, columns - 1)).join('')}…`;
}
