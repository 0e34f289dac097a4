import { randomBytes, type X509Certificate } from 'node:crypto';
import type { Logger } from 'pino';
import type { Clock } from '../../clock.ts';
import type { Bound } from '../../ops/bounds.ts';
import type { Settings } from '../../ops/settings.ts';
import type { CallCounts, NodeApi } from '../../upstream/index.ts';
import { readCertificates } from '../authority/pem.ts';
import { createTokenStore } from '../tokens/index.ts';
import type { Devices, Issuer, Serving } from '../types.ts';
import { Attempts } from './attempts.ts';
import { createDesk } from './desk.ts';
import { createEnrolmentServer, type EnrolmentServer } from './http.ts';

export type { EnrolmentServer } from './http.ts';

/** In which limits.enrolAttempts and limits.enrolWrongSecrets are counted. */
const ATTEMPTS_MS = 60_000;
const WRONG_SECRETS_MS = 10 * 60_000;
const DAY_MS = 86_400_000;

export interface EnrolmentEndpointOptions {
  readonly settings: Pick<Settings, 'keyExchange' | 'limits' | 'enroll'>;
  readonly serving: Serving;
  readonly issuer: Issuer;
  readonly devices: Devices;
  /** With the relay's own rights. */
  readonly api: NodeApi;
  readonly metrics: CallCounts & {
    enrolment(outcome: string): void;
    enrolmentMisuse(of: string): void;
    boundReached(bound: Bound): void;
  };
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Where devices join, and come back whose certificate has ended. */
export function createEnrolmentEndpoint(options: EnrolmentEndpointOptions): EnrolmentServer {
  const { settings, serving, issuer, devices, api, metrics, clock, logger } = options;
  const { limits } = settings;
  const onBound = (bound: Bound) => metrics.boundReached(bound);
  const desk = createDesk({
    context: {
      tokens: createTokenStore({ api, clock, counts: metrics, logger }),
      devices,
      issuer,
      deviceAuthorities: authoritiesOf(serving),
      wrongSecrets: new Attempts({ most: limits.enrolWrongSecrets, periodMs: WRONG_SECRETS_MS, clock }),
      graceMs: settings.enroll.graceDays * DAY_MS,
      clock,
    },
    attempts: new Attempts({ most: limits.enrolAttempts, periodMs: ATTEMPTS_MS, clock }),
    randomBytes,
    onOutcome: (outcome) => metrics.enrolment(outcome),
    onBound,
    clock,
    logger,
  });
  return createEnrolmentServer({
    settings,
    serving,
    desk,
    onBound,
    onMisuse: (of) => metrics.enrolmentMisuse(of),
    clock,
    logger,
  });
}

/** Whose devices' certificates are let in, of what is served with now. */
function authoritiesOf(serving: Serving): () => readonly X509Certificate[] {
  let known: { readonly pem: string; readonly certificates: readonly X509Certificate[] } = { pem: '', certificates: [] };
  return () => {
    const pem = serving.current()?.clientCa ?? '';
    if (pem !== known.pem) known = { pem, certificates: readCertificates(pem, 'what devices are let in by') };
    return known.certificates;
  };
}
