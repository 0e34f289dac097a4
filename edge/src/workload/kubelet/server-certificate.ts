import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createSelfSigned } from '../../ops/local-access/self-signed.ts';
import { writePrivateFile } from '../../private-files.ts';
import { requirePrivateFile } from '../../private-modes.ts';
import type { KubeletPaths } from './paths.ts';

/** Under which a client on the device may know the kubelet's server, beside the node's name. */
const HOSTS = ['localhost', '127.0.0.1', '::1'];

/**
 * Certificate and key of the kubelet's own server: made once, and anew where they are missing, damaged or of another name.
 * @throws HawserError `bad_config` for a key that others may read
 */
export async function ensureServerCertificate(
  { certificate, key }: Pick<KubeletPaths, 'certificate' | 'key'>,
  nodeName: string,
): Promise<void> {
  for (const file of [certificate, key]) requirePrivateFile(file);
  if (isPairOf(nodeName, certificate, key)) return;
  const pair = await createSelfSigned(nodeName, [nodeName, ...HOSTS]);
  writePrivateFile(key, pair.key);
  writePrivateFile(certificate, pair.cert);
}

function isPairOf(nodeName: string, certificateFile: string, keyFile: string): boolean {
  if (!existsSync(certificateFile) || !existsSync(keyFile)) return false;
  try {
    const certificate = new X509Certificate(readFileSync(certificateFile));
    return certificate.checkHost(nodeName) !== undefined && certificate.checkPrivateKey(createPrivateKey(readFileSync(keyFile)));
  } catch {
    // No PEM, or cut off by a power loss: a new pair takes its place.
    return false;
  }
}
