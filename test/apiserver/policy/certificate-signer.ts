import 'reflect-metadata';
import { type Change, type Storage, timestamp } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { Pkcs10CertificateRequest } from '@peculiar/x509';
import type { Logger } from 'pino';
import type { CertificateAuthority } from '../../support/pki.ts';
import { fieldsOf, itemsOf, numberOf, sameJson, textOf, textsOf } from './fields.ts';
import { replaceObject } from './special/stored.ts';

const REQUESTS = 'certificates.k8s.io/certificatesigningrequests';
const KUBELET_CLIENT = 'kubernetes.io/kube-apiserver-client-kubelet';
/** The signer's own lifetime; a request may ask for less. */
const LONGEST_SECONDS = 365 * 86_400;
const CLIENT_USAGES = [
  ['client auth', 'digital signature'],
  ['client auth', 'digital signature', 'key encipherment'],
];

/**
 * The controller that signs approved requests for kubelets' client certificates: writes `status.certificate`, or the condition
 * Failed where the subject or the usages do not fit. Returns the way to stop it.
 */
export function startCertificateSigner(
  storage: Storage,
  authority: CertificateAuthority,
  now: () => Date,
  logger: Logger,
): () => void {
  async function handle(change: Change): Promise<void> {
    const request = change.object;
    if (change.type === 'DELETED' || !isWaiting(request)) return;
    const status = { ...fieldsOf(request.status), ...(await outcome(authority, request, now())) };
    const current = storage.get(change.key);
    // Signing took a moment: a request that has changed meanwhile comes by again as a change of its own.
    if (current === undefined || current.metadata.resourceVersion !== request.metadata.resourceVersion) return;
    replaceObject(storage, change.key, { ...request, status }, request, 'status');
  }

  return storage.subscribe(REQUESTS, (change) => {
    handle(change).catch((error: unknown) => {
      logger.error({ err: error, request: change.key.name }, 'certificate request not handled');
    });
  });
}

function isWaiting(request: KubeObject): boolean {
  const status = fieldsOf(request.status);
  const decisions = itemsOf(status.conditions).map(({ type }) => type);
  return (
    fieldsOf(request.spec).signerName === KUBELET_CLIENT &&
    decisions.includes('Approved') &&
    !decisions.includes('Failed') &&
    status.certificate === undefined
  );
}

async function outcome(authority: CertificateAuthority, request: KubeObject, now: Date): Promise<Record<string, unknown>> {
  const spec = fieldsOf(request.spec);
  const pem = Buffer.from(textOf(spec.request), 'base64').toString('utf8');
  const mistake = subjectMistake(pem) ?? usagesMistake(textsOf(spec.usages));
  if (mistake !== undefined) {
    const failed = {
      type: 'Failed',
      status: 'True',
      reason: 'SignerValidationFailure',
      message: mistake,
      lastUpdateTime: timestamp(now),
      lastTransitionTime: timestamp(now),
    };
    return { conditions: [...itemsOf(fieldsOf(request.status).conditions), failed] };
  }
  const seconds = Math.min(numberOf(spec.expirationSeconds) ?? LONGEST_SECONDS, LONGEST_SECONDS);
  const certificate = await authority.signClientRequest(pem, seconds);
  return { certificate: Buffer.from(certificate, 'utf8').toString('base64') };
}

function subjectMistake(pem: string): string | undefined {
  const subject = new Pkcs10CertificateRequest(pem).subjectName;
  if (!sameJson(subject.getField('O'), ['system:nodes'])) return 'subject organization is not system:nodes';
  const [commonName = ''] = subject.getField('CN');
  return commonName.startsWith('system:node:') ? undefined : 'subject common name does not begin with system:node:';
}

function usagesMistake(usages: readonly string[]): string | undefined {
  const sorted = [...usages].sort();
  return CLIENT_USAGES.some((allowed) => sameJson(sorted, allowed)) ? undefined : 'usages did not match';
}

/** The common name that a PEM request asks for; "" when it cannot be read. */
export function requestedCommonName(pem: string): string {
  return new Pkcs10CertificateRequest(pem).subjectName.getField('CN')[0] ?? '';
}
