import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';

/** Long enough for a loaded machine; a test that works never waits for it. */
const LIMIT_MS = 10_000;

/** Resolves in the first turn of the event loop in which the condition holds. */
export async function until(what: string, condition: () => boolean, describe: () => string = () => ''): Promise<void> {
  const endMs = performance.now() + LIMIT_MS;
  while (!condition()) {
    if (performance.now() > endMs) assert.fail(`${what} did not come. ${describe()}`);
    await turn();
  }
}
