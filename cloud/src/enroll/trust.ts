import type { RenewalOutcome } from '@hawser/protocol';
import type { Bound } from '../ops/bounds.ts';
import { createDevices, type DevicesOptions, type WatchedDevices } from './devices/index.ts';
import { announcedBy } from './renewal/announced.ts';
import { createRenewals, noRenewals } from './renewal/renewals.ts';
import type { Announced, Issuer, Renew } from './types.ts';

export interface TrustOptions extends DevicesOptions {
  /** Undefined where devices get their certificates, and the authorities to verify relays with, by other ways. */
  readonly issuer: Issuer | undefined;
  readonly certificateHours: number;
  readonly onRenewal: (outcome: RenewalOutcome['type']) => void;
  readonly onBound: (bound: Bound) => void;
}

/** What links have to know about devices and authorities: who is let in, the next certificate, and whom to verify relays with. */
export interface LinkTrust {
  readonly devices: WatchedDevices;
  readonly renew: Renew;
  readonly authorities: { current(): Announced | undefined; onChange: Issuer['onChange'] };
}

const NO_AUTHORITIES: LinkTrust['authorities'] = { current: () => undefined, onChange: () => () => undefined };

export function createLinkTrust({ issuer, certificateHours, onRenewal, onBound, ...options }: TrustOptions): LinkTrust {
  const devices = createDevices(options);
  const { clock, logger } = options;
  const renewals = { devices, certificateMs: certificateHours * 3_600_000, clock, logger, onOutcome: onRenewal, onBound };
  return {
    devices,
    renew: issuer === undefined ? noRenewals(onRenewal) : createRenewals({ ...renewals, issuer }),
    authorities: issuer === undefined ? NO_AUTHORITIES : announcedBy(issuer),
  };
}
