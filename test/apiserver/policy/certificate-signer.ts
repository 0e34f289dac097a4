import { type Change, type Storage, timestamp } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { type JsonGeneralName, type Pkcs10CertificateRequest, SubjectAlternativeNameExtension } from '@peculiar/x509';
import type { Logger } from 'pino';
import type { CertificateAuthority } from '../../support/pki.ts';
import { fieldsOf, itemsOf, numberOf, sameJson, textOf, textsOf } from './fields.ts';
import { readRequest } from './pkcs10.ts';
import { replaceObject } from './special/stored.ts';

const REQUESTS = 'certificates.k8s.io/certificatesigningrequests';
export const KUBELET_CLIENT = 'kubernetes.io/kube-apiserver-client-kubelet';
export const KUBELET_SERVING = 'kubernetes.io/kubelet-serving';
/** The signer's own lifetime; a request may ask for less. */
const LONGEST_SECONDS = 365 * 86_400;
/** With an elliptic curve nothing is enciphered by the key, and newer kubelets do not ask for it. */
const usagesFor = (purpose: string) => [
  [purpose, 'digital signature'],
  [purpose, 'digital signature', 'key encipherment'],
];

interface Signer {
  readonly usages: readonly (readonly string[])[];
  /** What is wrong with the names of the request. */
  mistake(names: readonly JsonGeneralName[]): string | undefined;
}

/** The signers for kubelets, with the rules and words of Kubernetes' pkg/apis/certificates/helpers.go. */
const SIGNERS: Readonly<Record<string, Signer>> = {
  [KUBELET_CLIENT]: {
    usages: usagesFor('client auth'),
    mistake: (names) => notAllowed(names, ['dns', 'email', 'ip', 'url']),
  },
  [KUBELET_SERVING]: {
    usages: usagesFor('server auth').map((usages) => usages.toSorted()),
    mistake: (names) =>
      names.some(({ type }) => type === 'dns' || type === 'ip')
        ? notAllowed(names, ['email', 'url'])
        : 'DNS or IP subjectAltName is required',
  },
};

const NAMES: Readonly<Record<string, string>> = { dns: 'DNS', email: 'Email', ip: 'IP', url: 'URI' };

function notAllowed(names: readonly JsonGeneralName[], types: readonly string[]): string | undefined {
  const found = types.find((type) => names.some((name) => name.type === type));
  return found === undefined ? undefined : `${NAMES[found]} subjectAltNames are not allowed`;
}

/**
 * The controller that signs approved requests for kubelets' certificates, for clients and for serving: writes `status.certificate`, or the condition
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
    SIGNERS[textOf(fieldsOf(request.spec).signerName)] !== undefined &&
    decisions.includes('Approved') &&
    !decisions.includes('Failed') &&
    status.certificate === undefined
  );
}

async function outcome(authority: CertificateAuthority, request: KubeObject, now: Date): Promise<Record<string, unknown>> {
  const spec = fieldsOf(request.spec);
  const read = readRequest(textOf(spec.request));
  const mistake = read.type === 'refused' ? read.why : mistakeOf(textOf(spec.signerName), read.request, textsOf(spec.usages));
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
  const pem = Buffer.from(textOf(spec.request), 'base64').toString('utf8');
  const sign = spec.signerName === KUBELET_SERVING ? authority.signServerRequest : authority.signClientRequest;
  const certificate = await sign(pem, seconds);
  return { certificate: Buffer.from(certificate, 'utf8').toString('base64') };
}

function mistakeOf(signerName: string, request: Pkcs10CertificateRequest, usages: readonly string[]): string | undefined {
  const signer = SIGNERS[signerName];
  if (signer === undefined) return undefined;
  if (!sameJson(request.subjectName.getField('O'), ['system:nodes'])) return 'subject organization is not system:nodes';
  const names = request.extensions.find((extension) => extension instanceof SubjectAlternativeNameExtension);
  const wrongNames = signer.mistake(names?.names.items.map((name) => name.toJSON()) ?? []);
  if (wrongNames !== undefined) return wrongNames;
  if (!commonNameOf(request).startsWith('system:node:')) return 'subject common name does not begin with system:node:';
  if (signer.usages.some((allowed) => sameJson(usages.toSorted(), allowed))) return undefined;
  return `usages did not match ${signer.usages.map((allowed) => `[${allowed.join(' ')}]`).join(' or ')}`;
}

/** The common name that a request asks for; "" without one. */
export function commonNameOf(request: Pkcs10CertificateRequest): string {
  return request.subjectName.getField('CN')[0] ?? '';
}
