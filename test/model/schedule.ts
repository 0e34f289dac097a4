import type { Figures } from './figures.ts';
import { derivedSeed, Random } from './random.ts';
import { reconnect, settle } from './settle.ts';
import { STEP_KINDS, type StepKind } from './steps.ts';
import { hold, Violation } from './violation.ts';
import { World } from './world.ts';

/** One step of a schedule: its kind, and the seed of the chance within it. */
export interface Step {
  readonly kind: StepKind;
  readonly seed: number;
}

export interface Schedule {
  readonly seed: number;
  readonly steps: readonly Step[];
}

export interface Outcome {
  readonly figures: Figures;
  readonly violation: Violation | undefined;
  /** Steps that were run before the rule broke; all of them when it broke while the world came to rest, or not at all. */
  readonly stepsRun: number;
}

const WEIGHTS = STEP_KINDS.reduce((sum, { weight }) => sum + weight, 0);

/** The schedule of that seed and place, always the same. @param most steps; it has between a third of it and all */
export function scheduleOf(seed: number, place: number, most: number): Schedule {
  const own = derivedSeed(seed, place);
  const random = new Random(own);
  const least = Math.ceil(most / 3);
  const length = least + random.integer(most - least + 1);
  const steps = Array.from({ length }, () => ({ kind: pickKind(random), seed: random.integer(0x1_0000_0000) }));
  return { seed: own, steps };
}

function pickKind(random: Random): StepKind {
  let at = random.integer(WEIGHTS);
  for (const kind of STEP_KINDS) {
    at -= kind.weight;
    if (at < 0) return kind;
  }
  throw new Error('weights do not add up');
}

/** Runs the steps, lets everything come to rest, and compares. An error that is no Violation is one of the product or the model: also a find. */
export function run({ seed, steps }: Schedule, trace?: (line: string) => void): Outcome {
  const world = new World(seed, trace);
  let stepsRun = 0;
  try {
    for (const { kind, seed: stepSeed } of steps) {
      world.random = new Random(stepSeed);
      trace?.(`${stepsRun} ${world.clock.time} ms: ${kind.name}`);
      world.figures.add('steps', kind.name, kind.run(world) ? 1 : 0);
      world.afterStep();
      stepsRun += 1;
      world.sentToAgents.length = 0;
    }
    world.random = new Random(seed);
    trace?.(`${world.clock.time} ms: comes to rest`);
    settle(world);
    world.afterStep();
    trace?.(`${world.clock.time} ms: reconnects`);
    reconnect(world);
    world.afterStep();
    const left = world.close();
    hold(left === 0, 'timers', () => `${left} timers are left after everything has ended`);
    return { figures: world.figures, violation: undefined, stepsRun };
  } catch (error) {
    const violation = error instanceof Violation ? error : new Violation('error', stackOf(error));
    return { figures: world.figures, violation, stepsRun };
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Leaves steps out as long as the same rule still breaks. @param attempts runs at most */
export function shrink(schedule: Schedule, rule: string, attempts = 400): Schedule {
  let best = schedule;
  let left = attempts;
  const stillBreaks = (steps: readonly Step[]): boolean => {
    left -= 1;
    return run({ ...schedule, steps }).violation?.rule === rule;
  };
  for (let size = Math.ceil(best.steps.length / 2); size >= 1 && left > 0; size = size > 1 ? Math.ceil(size / 2) : 0) {
    for (let at = 0; at < best.steps.length && left > 0; ) {
      const steps = [...best.steps.slice(0, at), ...best.steps.slice(at + size)];
      if (stillBreaks(steps)) best = { ...best, steps };
      else at += size;
    }
  }
  return best;
}
