/**
 * The annotation that says when simulated containers end, for Jobs and for what goes wrong:
 * `hawser.dev/hollow-exit: "0@5s"` lets every container of the pod (not its init containers, which end by themselves with 0)
 * exit with code 0 five seconds after its start; `"main=1@200ms,other=0@1m"` says it by container. What is not named runs on.
 *
 *     plan  = entry *("," entry)
 *     entry = [container "="] code "@" time
 *     code  = 0 … 255
 *     time  = digits ("ms" | "s" | "m" | "h")
 */
export const EXIT_ANNOTATION = 'hawser.dev/hollow-exit';

export interface Exit {
  readonly code: number;
  readonly afterMs: number;
}

const ENTRY = /^(?:([a-z0-9]([-a-z0-9]*[a-z0-9])?)=)?(\d{1,3})@(\d{1,9})(ms|s|m|h)$/;
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** What the container will do, or undefined when it runs on. What is not in the grammar counts as not said. */
export function exitOf(annotations: Readonly<Record<string, string>>, container: string): Exit | undefined {
  for (const entry of (annotations[EXIT_ANNOTATION] ?? '').split(',')) {
    const [, name, , code, time, unit = ''] = ENTRY.exec(entry.trim()) ?? [];
    const known = UNITS[unit];
    if (known === undefined || Number(code) > 255 || (name !== undefined && name !== container)) continue;
    return { code: Number(code), afterMs: Number(time) * known };
  }
  return undefined;
}
