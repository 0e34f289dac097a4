import type { DeviceReport } from '../enroll/index.ts';

/** Devices that are named; of the others only their number is told. */
const MAX_NAMED = 20;
/** Until every replica signs with a new authority, in milliseconds; their watch brings it within moments. */
const FOLLOWING_MS = 60_000;

/** What a retirement of the authorities before the one made at `madeAt` does to the devices that are known, in lines for a person. */
export function leftBehind(devices: readonly DeviceReport[], madeAt: Date): readonly string[] {
  const known = devices.filter(({ state, validTo }) => validTo !== null && state !== 'revoked');
  const since = madeAt.getTime() + FOLLOWING_MS;
  const behind = known.filter(({ issuedAt }) => issuedAt === null || Date.parse(issuedAt) < since);
  if (known.length === 0) return ['No device has joined.'];
  if (behind.length === 0)
    return [`All devices that have joined (${known.length}) have a certificate of since ${madeAt.toISOString()}.`];
  const named = behind.slice(0, MAX_NAMED).map(({ node, record }) => node ?? record);
  const unnamed = behind.length - named.length;
  return [
    `${behind.length} of ${known.length} devices have no certificate of since ${madeAt.toISOString()}: ` +
      `${named.join(', ')}${unnamed > 0 ? ` and ${unnamed} more` : ''}`,
  ];
}
