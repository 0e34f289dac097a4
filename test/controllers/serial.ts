/** Runs one at a time; what is asked for meanwhile runs once more afterwards. */
export interface Serial {
  run(): void;
  /** Resolves when nothing runs and nothing waits. */
  settled(): Promise<void>;
}

/** @param work never rejects */
export function serial(work: () => Promise<void>): Serial {
  let state: 'idle' | 'running' | 'runningWithNews' = 'idle';
  let current = Promise.resolve();
  const loop = async () => {
    do {
      state = 'running';
      await work();
    } while (hasNews());
    state = 'idle';
  };
  const hasNews = () => state === 'runningWithNews';
  return {
    run() {
      if (state === 'idle') current = loop();
      else state = 'runningWithNews';
    },
    settled: () => current,
  };
}
