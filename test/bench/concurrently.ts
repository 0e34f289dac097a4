/** Calls `work` for every item, so many at a time, in order of their turns. @throws what the first one that fails throws */
export async function concurrently<T>(items: readonly T[], atATime: number, work: (item: T) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < items.length) {
      const item = items[next];
      next += 1;
      if (item !== undefined) await work(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atATime, items.length) }, lane));
}
