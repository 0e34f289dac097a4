import type { Relay } from '@hawser/cloud';

/** What the relay's endpoint says now, by the name of the series with its labels. */
export async function metricsOf({ opsPort }: Pick<Relay, 'opsPort'>): Promise<ReadonlyMap<string, number>> {
  const page = await (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text();
  const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}
