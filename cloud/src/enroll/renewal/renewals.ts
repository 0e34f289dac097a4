import type { KeyObject } from 'node:crypto';
import {
  HawserError,
  isSignedBy,
  keyHash,
  type RefusalReason,
  type RenewalOutcome,
  readDeviceKey,
  renewalProof,
} from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../../clock.ts';
import type { Bound } from '../../ops/bounds.ts';
import { LogBudget } from '../../upstream/index.ts';
import type { Devices, DeviceVerdict, Issuer, LinkedDevice, Renew } from '../types.ts';
import { RenewalBound } from './bound.ts';
import { Gate } from './gate.ts';
import { RetiredAuthorities } from './retired.ts';

/** At a time, of all devices: each is two calls of the API server and a signature. The others wait. */
const MOST_AT_ONCE = 16;
/** The certificate of the link has weeks left: there is no hurry. In milliseconds. */
const RETRY_MS = 60_000;
/** Whoever issued the device's certificate issues the next one. */
const NO_ISSUER_RETRY_MS = 3_600_000;
/** Of our words to the agent, in characters. */
const MAX_MESSAGE = 512;

export interface RenewalsOptions {
  readonly issuer: Issuer;
  readonly devices: Pick<Devices, 'verdict' | 'renewing'>;
  /** How long the issuer's certificates last, in milliseconds; what it signs may end sooner. */
  readonly certificateMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onOutcome: (outcome: RenewalOutcome['type']) => void;
  /** A device asked more often than it may. */
  readonly onBound: (bound: Bound) => void;
}

/** For a relay whose devices get their certificates from elsewhere. */
export function noRenewals(onOutcome: RenewalsOptions['onOutcome']): Renew {
  return async () => {
    onOutcome('unavailable');
    return unavailable('this relay issues no certificates', NO_ISSUER_RETRY_MS);
  };
}

/** Renewals over the link: the new key is written to the device's record, and then certified. */
export function createRenewals(options: RenewalsOptions): Renew {
  const { issuer, devices, certificateMs, clock, logger, onOutcome, onBound } = options;
  const bound = new RenewalBound();
  /** Of devices over the bound, all together: one may ask as often as it may send. */
  const overBound = new LogBudget(clock);
  const gate = new Gate(MOST_AT_ONCE);
  const retired = new RetiredAuthorities(issuer);

  async function renew(
    { nodeName, certificate }: LinkedDevice,
    publicKey: Uint8Array,
    proof: Uint8Array,
  ): Promise<RenewalOutcome> {
    const key = keyIn(publicKey);
    if (key === undefined) return refused(400, 'BadRequest', 'the new key is not a public key of P-256');
    if (!isSignedBy(renewalProof(certificate), proof, key)) {
      return refused(403, 'Forbidden', 'the proof is not a signature of the new key over the certificate of this link');
    }
    const current = keyHash(certificate.publicKey);
    const issuedAt = certificate.validFromDate;
    const refusal = () =>
      retired.haveSigned(certificate)
        ? refused(403, 'Forbidden', 'the authority of this certificate was retired: join again with a token')
        : refusalOf(devices.verdict(nodeName, current, issuedAt));
    const before = refusal();
    if (before !== undefined) return before;
    if (issuer.trusted().length === 0) return unavailable('the relay has no authority yet', RETRY_MS);
    return gate.pass(async () => {
      const validTo = new Date(clock.now().getTime() + certificateMs);
      // The record first: a certificate whose key is nowhere written could not be told from a stranger's.
      const outcome = await devices.renewing(nodeName, current, keyHash(key), validTo, issuedAt);
      if (outcome.type === 'refused') return refusedAs(outcome.reason, outcome.message);
      const chain = await issuer.issue(nodeName, key);
      // Revoked or retired meanwhile: nobody gets in with what was signed, and nobody gets it.
      return (
        refusal() ?? {
          type: 'issued',
          certificates: chain.map(({ raw }) => new Uint8Array(raw)),
        }
      );
    });
  }

  return async (device, publicKey, proof) => {
    const { nodeName } = device;
    const waitMs = bound.take(nodeName, clock.now().getTime());
    if (waitMs > 0) {
      onBound('renewals');
      onOutcome('unavailable');
      const line = overBound.take();
      if (line !== undefined) logger.warn({ node: nodeName, ...line }, 'device asks for renewals without end');
      return unavailable('this device has asked for several renewals within a minute', waitMs);
    }
    const outcome = await renew(device, publicKey, proof).catch((err: unknown) => {
      if (!(err instanceof HawserError)) logger.error({ err, node: nodeName }, 'fault in a renewal');
      return unavailable(err instanceof HawserError ? err.message : 'internal error of the relay', RETRY_MS);
    });
    onOutcome(outcome.type);
    if (outcome.type === 'issued') logger.info({ node: nodeName }, 'certificate renewed');
    else logger.warn({ node: nodeName, outcome: outcome.type, detail: outcome.message }, 'certificate not renewed');
    return outcome;
  };
}

function keyIn(publicKey: Uint8Array): KeyObject | undefined {
  try {
    return readDeviceKey(publicKey);
  } catch (error) {
    if (error instanceof HawserError && error.code === 'malformed_request') return undefined;
    throw error;
  }
}

function refusalOf(verdict: DeviceVerdict): RenewalOutcome | undefined {
  if (verdict.type === 'admitted') return undefined;
  const { why, text } = verdict;
  return why === 'notSynced' || why === 'unreadable' ? unavailable(text, RETRY_MS) : refused(403, 'Forbidden', text);
}

function refusedAs(reason: RefusalReason, message: string): RenewalOutcome {
  return reason === 'notNow' ? unavailable(message, RETRY_MS) : refused(403, 'Forbidden', message);
}

function refused(code: number, reason: string, message: string): RenewalOutcome {
  return { type: 'refused', code, reason, message: message.slice(0, MAX_MESSAGE) };
}

function unavailable(message: string, retryAfterMs: number): RenewalOutcome {
  return { type: 'unavailable', retryAfterMs, message: message.slice(0, MAX_MESSAGE) };
}
