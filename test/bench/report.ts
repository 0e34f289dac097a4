/** One line of a benchmark's report. */
export interface Figure {
  /** The field of the JSON object. */
  readonly name: string;
  readonly about: string;
  /** Null where it could not be measured here; a note says why. */
  readonly value: number | boolean | null;
  readonly unit: string;
  /** What is to be held (DESIGN, "Sizes to hold"); undefined for figures that only inform. */
  readonly atMost?: number | undefined;
}

export interface Report {
  readonly figures: readonly Figure[];
  /** What a reader has to know to judge the figures, one line each. */
  readonly notes: readonly string[];
  /** Settings of the run and what else belongs into the JSON object. */
  readonly run: Readonly<Record<string, number | string>>;
}

/** For people: what was measured, what is to be held, and whether it is. */
export function tableOf({ figures, notes, run }: Report): string {
  const rows = figures.map(({ name, about, value, unit, atMost }) => [
    about,
    value === null ? 'not measured' : `${value} ${unit}`.trim(),
    atMost === undefined ? '' : `${atMost} ${unit}`.trim(),
    atMost === undefined || typeof value !== 'number' ? '' : value <= atMost ? 'held' : 'not held',
    name,
  ]);
  const all = [['what', 'measured', 'at most', '', 'field'], ...rows];
  const widths = all.reduce<number[]>((widest, row) => row.map((cell, column) => Math.max(widest[column] ?? 0, cell.length)), []);
  const lines = all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const settings = Object.entries(run).map(([name, value]) => `${name} ${value}`);
  return `${[...lines, '', settings.join(', '), ...notes].join('\n')}\n`;
}

/** One object: each figure by its name, then the settings of the run, then the notes. */
export function jsonOf({ figures, notes, run }: Report): string {
  return JSON.stringify({ ...Object.fromEntries(figures.map(({ name, value }) => [name, value])), ...run, notes });
}
