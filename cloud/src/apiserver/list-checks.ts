import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { ApiClient } from './client.ts';
import { howFarFrom, isBefore } from './how-far.ts';
import type { Intake } from './intake.ts';
import type { Outcome } from './outcome.ts';
import type { Target } from './paths.ts';

/** A list that lacks more than half of so many known objects or more is asked for a second time before it is taken. */
const UNLIKELY_FROM = 10;

/** Who answers behind the API server's address; see `ClusterIdentity`. */
export interface IdentityCheck {
  /** Asks, after the call. @throws HawserError `wrong_cluster`, and `unreachable` or `unauthorized` where nobody says */
  check(): Promise<void>;
  /** A connection was lost: behind the next one may be another. */
  doubt(): void;
}

/** Whether what the server says about one resource may be believed: asked before lists and watches, and at the end of lists. */
export interface ListChecks {
  /**
   * Before a list, or a watch that does not follow from one at once.
   * @returns undefined, or why the server is not to be listed or watched
   * @throws HawserError as `IdentityCheck.check` and ApiClient.stream
   */
  before(signal: AbortSignal): Promise<Outcome | undefined>;
  /** At the end of a list. @returns undefined when it may be taken as complete, or how the attempt went @throws as `before` */
  complete(resourceVersion: string, signal: AbortSignal): Promise<Outcome | undefined>;
}

export interface ListChecksOptions {
  readonly client: ApiClient;
  readonly target: Target;
  readonly intake: Pick<Intake, 'reached' | 'unnamed'>;
  readonly identity: IdentityCheck | undefined;
  /** A first list that is empty is asked for a second time, too. */
  readonly confirmsEmpty: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The question is shared with others and goes on; whoever has given up does not wait for it. */
async function ask(identity: IdentityCheck | undefined, signal: AbortSignal): Promise<void> {
  if (identity === undefined || signal.aborted) return;
  let onAbort = () => {};
  const aborted = new Promise<void>((resolve) => {
    onAbort = resolve;
    signal.addEventListener('abort', onAbort);
  });
  try {
    await Promise.race([identity.check(), aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

export function createListChecks({
  client,
  target,
  intake,
  identity,
  confirmsEmpty,
  clock,
  logger,
}: ListChecksOptions): ListChecks {
  const { id } = target.resource;
  /** How far the server said to be before the list under way. */
  let serverAt: string | undefined;
  /** The list before was unlikely: one that says the same is taken. */
  let wasUnlikely = false;

  return {
    async before(signal) {
      const { reached } = intake;
      serverAt = undefined;
      await ask(identity, signal);
      if (reached === undefined || signal.aborted) return undefined;
      const far = await howFarFrom({ client, target, clock, signal }, reached);
      if (far.type === 'unanswered') return far.outcome;
      serverAt = far.resourceVersion;
      if (!isBefore(serverAt, reached)) return undefined;
      return { type: 'restored', detail: `${id} were at ${reached} and are at ${serverAt}` };
    },
    async complete(resourceVersion, signal) {
      await ask(identity, signal);
      if (signal.aborted) return { type: 'ended' };
      if (serverAt !== undefined && isBefore(resourceVersion, serverAt)) {
        const detail = `a list as of ${resourceVersion} of a server that was at ${serverAt}: it comes from a cache that lags`;
        return { type: 'failed', detail, isForbidden: false, retryAfterMs: undefined };
      }
      const { known, unnamed, named } = intake.unnamed();
      const lacksMost = known >= UNLIKELY_FROM && unnamed * 2 > known;
      // With nothing known to hold against it, it would take from devices what they have of the resource.
      const isEmpty = confirmsEmpty && intake.reached === undefined && named === 0;
      if ((lacksMost || isEmpty) && !wasUnlikely) {
        wasUnlikely = true;
        const detail = lacksMost ? `a complete list lacks ${unnamed} of ${known} known objects` : 'the first list is empty';
        return { type: 'unlikely', detail };
      }
      if (lacksMost) logger.warn({ known, unnamed }, 'a second list says the same: most of what was known is gone');
      wasUnlikely = false;
      return undefined;
    },
  };
}
