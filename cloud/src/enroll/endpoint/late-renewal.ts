import type { X509Certificate } from 'node:crypto';
import {
  checkChain,
  isSignedBy,
  keyHash,
  type LateRenewalRequest,
  lateRenewalProof,
  readCertificate,
  readDeviceKey,
} from '@hawser/protocol';
import type { Clock } from '../../clock.ts';
import { nodeIn } from '../node-identity.ts';
import type { Devices, DeviceVerdict, Issuer } from '../types.ts';
import { type About, enrolled, notNow, type Outcome, refused, refusedBy } from './outcome.ts';

export interface LateRenewalContext {
  readonly devices: Pick<Devices, 'verdict' | 'renewing'>;
  readonly issuer: Pick<Issuer, 'trusted' | 'issue'>;
  /** Authorities whose devices' certificates are let in. */
  readonly deviceAuthorities: () => readonly X509Certificate[];
  /** How long ago a certificate may have ended. */
  readonly graceMs: number;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * A device shows the certificate that TLS no longer takes, and signs with its key and with a new one over the nonce of its
 * connection. Time is left out where the certificate is checked, and held against the grace after that; one that has not ended is taken
 * too, since a device whose clock is wrong cannot tell. Never rejects.
 */
export async function renewLate(context: LateRenewalContext, request: LateRenewalRequest): Promise<Outcome> {
  const about: { node?: string } = {};
  try {
    return await renew(context, request, about);
  } catch (error) {
    return refusedBy(error, about);
  }
}

async function renew(
  { devices, issuer, deviceAuthorities, graceMs, clock }: LateRenewalContext,
  request: LateRenewalRequest,
  about: { node?: string },
): Promise<Outcome> {
  const [first, ...others] = request.certificates;
  if (first === undefined) return refused('badRequest', 'there is no certificate');
  const newKey = readDeviceKey(request.publicKey);
  const leaf = readCertificate(first);
  const intermediates = others.map(readCertificate);
  const chain = checkChain({ leaf, intermediates, roots: deviceAuthorities(), usage: 'client', at: 'anyTime' });
  if (chain.type === 'refused') return notOurs(chain.why, about);
  const identity = nodeIn(leaf);
  if (identity.type === 'refused') return notOurs(identity.why, about);
  about.node = identity.name;
  const { publicKey: key } = leaf;
  // The signatures of other kinds of keys are not made over a hash of ours.
  if (key.asymmetricKeyType !== 'ec' && key.asymmetricKeyType !== 'rsa')
    return notOurs('its key is neither ECDSA nor RSA', about);

  const proof = lateRenewalProof(request.nonce, leaf, request.publicKey);
  if (!isSignedBy(proof, request.signature, key)) {
    return refused('badProof', 'the request is not signed with the key of the certificate', about);
  }
  if (!isSignedBy(proof, request.proof, newKey)) return refused('badProof', 'the request is not signed with its new key', about);
  const [oldHash, newHash] = [keyHash(key), keyHash(newKey)];
  if (oldHash === newHash) return refused('badRequest', 'publicKey is that of the certificate: a renewal makes a new key', about);

  const endedMs = clock.now().getTime() - leaf.validToDate.getTime();
  if (endedMs > graceMs) {
    const message = `the certificate ended on ${leaf.validToDate.toISOString()}, longer ago than this relay allows: join again with a token`;
    return refused('beyondGrace', message, about);
  }
  const verdict = devices.verdict(identity.name, oldHash, leaf.validFromDate);
  if (verdict.type === 'refused') return shutOut(verdict, about);
  const issued = await issuer.issue(identity.name, newKey);
  const outcome = await devices.renewing(identity.name, oldHash, newHash, issued[0].validToDate, leaf.validFromDate);
  if (outcome.type === 'refused') return refused(outcome.reason, outcome.message, about);
  return enrolled('renewed', identity.name, issued, issuer.trusted(), about);
}

function notOurs(detail: string, about: About): Outcome {
  const message = 'the certificate is not one of a device of this relay: join with a token';
  return refused('notOurs', message, { ...about, detail });
}

function shutOut({ why, text }: Extract<DeviceVerdict, { type: 'refused' }>, about: About): Outcome {
  return why === 'revoked' || why === 'otherKey' ? refused(why, text, about) : notNow(text, about);
}
