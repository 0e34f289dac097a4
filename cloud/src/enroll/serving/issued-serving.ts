import type { Logger } from 'pino';
import type { Clock } from '../../clock.ts';
import { BACKDATE_MS, makeKeyPair, makeLeaf } from '../authority/certificates.ts';
import { pemOf, pemOfKey } from '../authority/pem.ts';
import type { Signer, SignerSource } from '../authority/signer.ts';
import { Listeners } from '../listeners.ts';
import type { Serving, ServingMaterial } from '../types.ts';

export interface IssuedServingOptions {
  readonly source: SignerSource;
  /** DNS names and addresses that agents dial. */
  readonly names: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default: SERVING_LIFETIME_MS. */
  readonly lifetimeMs?: number;
}

export interface IssuedServing extends Serving {
  start(): void;
  stop(): void;
}

/** In memory, and made anew by whoever starts: it need not live longer than the time in which somebody mends an authority. In ms. */
export const SERVING_LIFETIME_MS = 30 * 86_400_000;
/** Of the life, after which a new one is made: ten days are left then. */
const RENEW_AT = 2 / 3;
/** Between two looks at the clock of the wall, which may be set forwards or back at any time. In ms. */
const LOOK_MS = 3600_000;
/** After a failure, in ms. */
const RETRY_MS = 60_000;

interface Issued extends ServingMaterial {
  readonly madeMs: number;
}

/** Serves with certificates that this replica has the authority sign for itself: renewed in time, and when the authority is another. */
export function createIssuedServing(options: IssuedServingOptions): IssuedServing {
  const { source, names, clock, logger, lifetimeMs = SERVING_LIFETIME_MS } = options;
  const listeners = new Listeners();
  let issued: Issued | undefined;
  let issuedBy: Signer | undefined;
  let isIssuing = false;
  let isStopped = false;
  let cancelTimer = () => {};
  let unsubscribe = () => {};

  /** Issues until what there is is what should be. */
  async function follow(): Promise<void> {
    if (isIssuing) return;
    isIssuing = true;
    cancelTimer();
    let hasFailed = false;
    for (let signer = source.current(); signer !== undefined && isDue(signer) && !isStopped; signer = source.current()) {
      try {
        issued = await issue(signer);
        issuedBy = signer;
        logger.info({ names, validTo: issued.validTo }, 'serving certificate issued');
      } catch (error) {
        logger.error({ err: error }, 'serving certificate not issued; the one before stays in use');
        hasFailed = true;
        break;
      }
      listeners.tell();
    }
    isIssuing = false;
    const waitMs = hasFailed ? RETRY_MS : Math.min(LOOK_MS, untilDueMs());
    if (!isStopped) cancelTimer = clock.after(waitMs, () => void follow());
  }

  /** Also where the clock was set back behind its beginning: nobody would take it. */
  function isDue(signer: Signer): boolean {
    if (issued === undefined || signer !== issuedBy) return true;
    return untilDueMs() === 0 || clock.now().getTime() < issued.madeMs - BACKDATE_MS;
  }

  function untilDueMs(): number {
    // What ends with its authority would come out no longer another time.
    if (issued === undefined || issued.validTo.getTime() === issuedBy?.certificate.validToDate.getTime()) return LOOK_MS;
    const lifeMs = issued.validTo.getTime() - issued.madeMs;
    return Math.max(0, Math.ceil(issued.madeMs + lifeMs * RENEW_AT - clock.now().getTime()));
  }

  async function issue(signer: Signer): Promise<Issued> {
    const now = clock.now();
    const { publicKey, privateKey } = await makeKeyPair();
    const subject = [{ CN: ['hawser-relay'] }];
    const leaf = await makeLeaf({ usage: 'server', subject, publicKey, names, lifetimeMs }, signer, now);
    return {
      cert: pemOf([leaf, ...signer.behindServer]),
      key: pemOfKey(privateKey),
      clientCa: pemOf(signer.trusted),
      validTo: leaf.validToDate,
      madeMs: now.getTime(),
    };
  }

  return {
    current: () => issued,
    onChange: (listener) => listeners.add(listener),
    start() {
      unsubscribe = source.onChange(() => void follow());
      void follow();
    },
    stop() {
      isStopped = true;
      unsubscribe();
      cancelTimer();
    },
  };
}
