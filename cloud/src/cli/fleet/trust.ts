import { readFileSync } from 'node:fs';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { HawserError } from '@hawser/protocol';
import { AUTHORITY_NAME, readPublished } from '../../enroll/index.ts';
import { type Administrator, refusedBy } from '../administrator.ts';

/** With what a replica is verified before it is shown a token. */
export interface ReplicaTrust {
  /** PEM. */
  readonly ca: string;
  /** Names of which its certificate must have one, beside the address at which it was found. */
  readonly names: readonly string[];
}

/**
 * That of the file, or the authority that the relays publish, with the names that devices dial: a replica may have a certificate for these
 * alone.
 * @throws HawserError `bad_config` for a file that cannot be read, and what the API server says
 */
export async function replicaTrust(
  { api, namespace }: Administrator,
  { ca, serverName }: { readonly ca?: string | undefined; readonly serverName?: string | undefined },
): Promise<ReplicaTrust> {
  const named = serverName === undefined ? [] : [serverName];
  if (ca !== undefined) return { ca: fileText(ca), names: named };
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/configmaps/${AUTHORITY_NAME}`;
  const answer = await api.request({ method: 'GET', path });
  if (answer.status !== 200) {
    throw refusedBy(
      `the relays cannot be verified: the ConfigMap ${namespace}/${AUTHORITY_NAME} was not read (where their certificate is your own, name its authority with --ca)`,
      answer,
    );
  }
  const { certificates, relays } = readPublished(answer.text);
  const pem = certificates.map((certificate) => certificate.toString()).join('');
  const hosts = relays.flatMap((relay) => (URL.canParse(relay) ? [new URL(relay).hostname.replace(/^\[|\]$/g, '')] : []));
  return { ca: pem, names: named.length > 0 ? named : hosts };
}

/** Whether the certificate is for one of these; its chain is verified by TLS. */
export function checkReplica(certificate: PeerCertificate, names: readonly string[]): Error | undefined {
  let first: Error | undefined;
  for (const name of names) {
    const wrong = checkServerIdentity(name, certificate);
    if (wrong === undefined) return undefined;
    first ??= wrong;
  }
  return first ?? new Error('no name to verify its certificate by');
}

function fileText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new HawserError('bad_config', `--ca: ${JSON.stringify(path)} cannot be read: ${why}`, { cause });
  }
}
