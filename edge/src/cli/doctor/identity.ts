import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { HawserError } from '@hawser/protocol';
import type { LinkTls } from '../../link/index.ts';
import { linkIdentity } from '../../ops/identity.ts';
import type { Settings } from '../../ops/settings.ts';

/** As whom this device dials, and whom, as far as it can be read. */
export interface IdentityFacts {
  /** What the agent would say when it starts. */
  readonly refused: string | undefined;
  readonly relays: readonly string[];
  readonly nodeName: string | undefined;
  readonly tls: LinkTls | undefined;
  readonly certificates: readonly X509Certificate[];
  readonly key: KeyObject | undefined;
  readonly authorities: readonly X509Certificate[];
  /** Whether the agent renews it. */
  readonly isRenewed: boolean;
}

const NONE = { nodeName: undefined, tls: undefined, certificates: [], key: undefined, authorities: [], isRenewed: false };

/** Reads what the agent reads when it starts, and changes nothing. */
export function readIdentity(settings: Settings): IdentityFacts {
  try {
    const identity = linkIdentity(settings, { warn: () => {} });
    const tls = identity.tls();
    return {
      refused: undefined,
      relays: identity.relays,
      nodeName: identity.nodeName,
      tls,
      certificates: certificatesIn(tls.cert),
      key: createPrivateKey(tls.key),
      authorities: certificatesIn(tls.ca),
      isRenewed: identity.folder !== undefined,
    };
  } catch (error) {
    if (!(error instanceof HawserError)) throw error;
    return { ...NONE, refused: error.message, relays: settings.relay.urls ?? [] };
  }
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function certificatesIn(text: string): X509Certificate[] {
  return (text.match(PEM) ?? []).map((pem) => new X509Certificate(pem));
}
