import type { Figures } from './figures.ts';

/** The figures of a run as text for people: one number to a line, grouped. */
export function figuresText(figures: Figures, schedules: number, seconds: number): string {
  const groups = [
    ['steps', figures.steps],
    ['operations that arrived at devices', figures.operations],
    ['events', figures.events],
    ['checks of rules', figures.checks],
  ] as const;
  const lines = groups.flatMap(([title, counts]) => [
    `${title}: ${sum(counts)}`,
    ...[...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, count]) => `  ${String(count).padStart(10)}  ${name}`),
  ]);
  const rate = seconds > 0 ? `, ${(schedules / seconds).toFixed(1)} a second` : '';
  return [...lines, `schedules: ${schedules} in ${seconds.toFixed(1)} s${rate}`, ''].join('\n');
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}
