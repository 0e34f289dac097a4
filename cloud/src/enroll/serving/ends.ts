import type { Logger } from 'pino';
import type { Clock } from '../../clock.ts';

/** What is told of an end that nears, so long before it; in ms. A serving certificate of our own is renewed with ten days left. */
const SERVING_SOON_MS = 7 * 86_400_000;
/** Devices that are away follow a change of authorities when they are back: some of them are away for long. */
const AUTHORITY_SOON_MS = 180 * 86_400_000;
/** Between two warnings. */
const LOOK_MS = 86_400_000;
/** After the start, so that what is read or made then is there. */
const FIRST_LOOK_MS = 60_000;

export interface Ends {
  readonly servingEnd: Date | undefined;
  readonly authorityEnd: Date | undefined;
}

/** What ends soon, or has ended. */
export function endingSoon(
  { servingEnd, authorityEnd }: Ends,
  now: Date,
): readonly { what: 'serving' | 'authority'; end: Date }[] {
  const within = (end: Date | undefined, ms: number) => end !== undefined && end.getTime() - now.getTime() < ms;
  return [
    ...(servingEnd !== undefined && within(servingEnd, SERVING_SOON_MS) ? [{ what: 'serving' as const, end: servingEnd }] : []),
    ...(authorityEnd !== undefined && within(authorityEnd, AUTHORITY_SOON_MS)
      ? [{ what: 'authority' as const, end: authorityEnd }]
      : []),
  ];
}

const WARNINGS = {
  serving: 'server certificate ends soon',
  authority: 'the authority ends soon: rotate it (hawser-relay ca rotate), or give a new issuer.cert',
} as const;

/** Warns of what ends soon, a minute after the start and each day. */
export function createEnds({
  readings,
  clock,
  logger,
}: {
  readonly readings: () => Ends;
  readonly clock: Clock;
  readonly logger: Logger;
}): { start(): void; stop(): void } {
  let cancel = () => {};
  function look(): void {
    for (const { what, end } of endingSoon(readings(), clock.now())) logger.warn({ validTo: end }, WARNINGS[what]);
    cancel = clock.after(LOOK_MS, look);
  }
  return {
    start() {
      cancel = clock.after(FIRST_LOOK_MS, look);
    },
    stop: () => cancel(),
  };
}
