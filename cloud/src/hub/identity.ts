import type { TLSSocket } from 'node:tls';
import { type KeyHash, keyHash } from '@hawser/protocol';
import { type Identity, nodeOf } from '../enroll/index.ts';

/** Who has dialled: the node that the certificate names, and the key that it certifies. */
export type Peer =
  | { readonly type: 'device'; readonly node: string; readonly key: KeyHash; readonly issuedAt: Date }
  | Extract<Identity, { type: 'refused' }>;

/** The device behind a connection whose certificate TLS has verified. */
export function deviceBehind(socket: TLSSocket): Peer {
  if (!socket.authorized) return refused('it was not verified');
  const subject = socket.getPeerCertificate().subject;
  const certificate = socket.getPeerX509Certificate();
  if (subject === undefined || certificate === undefined) return refused('there is none');
  const identity = nodeOf({ ...subject });
  return identity.type === 'refused'
    ? identity
    : { type: 'device', node: identity.name, key: keyHash(certificate.publicKey), issuedAt: certificate.validFromDate };
}

function refused(why: string): Peer {
  return { type: 'refused', why };
}
