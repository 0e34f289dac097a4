import type { JoinRequest, LateRenewalRequest } from '@hawser/protocol';
import { pino } from 'pino';
import * as requests from '../../../../../test/support/enrol-client.ts';
import { createFakeClock } from '../../../apiserver/testing/fake-clock.ts';
import { makeAuthority } from '../../authority/certificates.ts';
import { createIssuer } from '../../authority/issuer.ts';
import { TestSource } from '../../authority/testing.ts';
import { createTokenStore, newTokenSecret } from '../../tokens/index.ts';
import { Attempts } from '../attempts.ts';
import type { JoinContext } from '../join.ts';
import type { LateRenewalContext } from '../late-renewal.ts';
import { MemoryDevices } from './memory-devices.ts';
import { TokenApi } from './token-api.ts';

export { type DeviceKey, deviceKey } from '../../../../../test/support/enrol-client.ts';

export const TOKEN = { id: 'abcdef', secret: '0123456789abcdef' };
export const NONCE = 'n'.repeat(43);

export function joinRequest(key: requests.DeviceKey, fields: Partial<JoinRequest> = {}): JoinRequest {
  return requests.joinRequest(key, fields.nonce ?? NONCE, `${TOKEN.id}.${TOKEN.secret}`, fields);
}

export function renewalRequest(
  old: Parameters<typeof requests.renewalRequest>[0],
  next: requests.DeviceKey,
  fields: Partial<LateRenewalRequest> = {},
): LateRenewalRequest {
  return requests.renewalRequest(old, next, fields.nonce ?? NONCE, fields);
}

export const DAY_MS = 86_400_000;
export const GRACE_MS = 30 * DAY_MS;
/** Of devices' certificates. */
export const LIFETIME_MS = 10 * DAY_MS;
export const WRONG_SECRETS = 3;

/** All that joins and late renewals need, over memory: a real authority, real tokens, and the real rules of records. */
export async function createWorld() {
  const clock = createFakeClock();
  const source = new TestSource();
  const authority = await makeAuthority(clock.now());
  source.set(authority);
  const tokenApi = new TokenApi();
  const logger = pino({ level: 'silent' });
  const counts = { apiCall: () => undefined };
  const devices = new MemoryDevices(GRACE_MS, () => clock.now());
  const context: JoinContext & LateRenewalContext = {
    tokens: createTokenStore({ api: tokenApi, clock, counts, logger }),
    devices,
    issuer: createIssuer({ source, clock, lifetimeMs: LIFETIME_MS }),
    deviceAuthorities: () => source.current()?.trusted ?? [],
    wrongSecrets: new Attempts({ most: WRONG_SECRETS, periodMs: 600_000, clock }),
    graceMs: GRACE_MS,
    clock,
  };
  return {
    clock,
    source,
    authority,
    tokenApi,
    devices,
    context,
    /** A token that is good for a day. */
    token(fields: Partial<Parameters<typeof newTokenSecret>[0]> = {}): void {
      const token = { description: '', nodeName: undefined, isSingleUse: false, mayReplace: false, ...TOKEN };
      tokenApi.create(newTokenSecret({ ...token, expiration: new Date(clock.now().getTime() + DAY_MS), ...fields }));
    },
  };
}
