/** So many sessions are told to move at once, unless the time is too short for that: another replica takes them without noticing. */
const GROUP = 10;
/** From one group to the next, in milliseconds: with GROUP, 50 sessions a second. */
const STEP_MS = 200;
/** Part of the time in which sessions are told; in the rest the last ones are answered, but it is never more than MOST_REST_MS. */
const TELLING_PART = 0.8;
const MOST_REST_MS = 5_000;
/** Other replicas take so many a second, at some 5 ms of a core for TLS and the first sync: what is told faster waits before it dials. */
const ARRIVALS_PER_SECOND = 200;
/** No session is asked to wait for longer, in milliseconds: a device without a link for a minute is worse than a replica with much to do. */
const MOST_WAIT_MS = 60_000;

export interface DrainGroup {
  /** From the begin of the drain, in milliseconds. */
  readonly atMs: number;
  readonly count: number;
}

export interface DrainPlan {
  /** In order of time; the counts are those of all sessions together. */
  readonly groups: readonly DrainGroup[];
  /** Each session is asked to wait for a random time below this before it dials, in milliseconds. */
  readonly waitMs: number;
}

/**
 * Who is told to move when: `sessions` of them within `seconds`. Few go as fast as another replica takes them without noticing, many at the pace
 * of the time there is, in groups that differ by one at most; the shorter it is, the longer they are asked to wait before they dial.
 * @param random from 0 to 1, 1 excluded: each group comes at some moment in its step, so that replicas that drain together are not in step
 */
export function planDrain(sessions: number, seconds: number, random: () => number): DrainPlan {
  const timeMs = seconds * 1000;
  const tellingMs = Math.max(timeMs * TELLING_PART, timeMs - MOST_REST_MS);
  const steps = Math.max(1, Math.floor(tellingMs / STEP_MS));
  const count = Math.min(steps, Math.ceil(sessions / GROUP));
  const groups = Array.from({ length: count }, (_, index) => ({
    atMs: Math.round((index + (index === 0 ? 0 : random())) * Math.min(STEP_MS, tellingMs / count)),
    count: Math.floor(((index + 1) * sessions) / count) - Math.floor((index * sessions) / count),
  }));
  const toldInMs = count * STEP_MS;
  const arrivingMs = (sessions * 1000) / ARRIVALS_PER_SECOND;
  return { groups, waitMs: Math.min(Math.max(STEP_MS, arrivingMs - toldInMs), MOST_WAIT_MS) };
}
