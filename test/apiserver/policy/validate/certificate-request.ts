import type { FieldError } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { fieldsOf, itemsOf, numberOf, textOf, textsOf } from '../fields.ts';
import { readRequest } from '../pkcs10.ts';
import { duplicate, forbiddenField, invalidValue, notSupported, required } from './field-errors.ts';

const SHORTEST_SECONDS = 600;
/** Decisions about a request; none may be taken back. */
const DECISIONS = ['Approved', 'Denied', 'Failed'];
const LEGACY_SIGNER = 'kubernetes.io/legacy-unknown';
const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const USAGES = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];

/** The rules and words of Kubernetes' pkg/apis/certificates/validation for version v1. What a signer makes of a request is for the signer to say. */
export function validateCertificateRequest(object: KubeObject, previous: KubeObject | undefined): FieldError[] {
  const spec = fieldsOf(object.spec);
  const seconds = numberOf(spec.expirationSeconds);
  const request = readRequest(textOf(spec.request));
  return [
    ...(request.type === 'refused' ? [invalidValue('spec.request', textOf(spec.request), request.why)] : []),
    ...usageErrors(textsOf(spec.usages)),
    ...signerErrors(textOf(spec.signerName)),
    ...(seconds !== undefined && seconds < SHORTEST_SECONDS
      ? [
          invalidValue(
            'spec.expirationSeconds',
            seconds,
            `may not specify a duration less than ${SHORTEST_SECONDS} seconds (10 minutes)`,
          ),
        ]
      : []),
    ...removedDecisions(object, previous),
  ];
}

function usageErrors(usages: readonly string[]): FieldError[] {
  if (usages.length === 0) return [required('spec.usages', 'usages must be provided')];
  const at = (index: number) => `spec.usages[${index}]`;
  return [
    ...usages.flatMap((usage, i) => (USAGES.includes(usage) ? [] : [notSupported(at(i), usage, USAGES)])),
    ...usages.flatMap((usage, i) => (usages.indexOf(usage) < i ? [duplicate(at(i), usage)] : [])),
  ];
}

/** `DOMAIN/PATH`. */
function signerErrors(name: string): FieldError[] {
  const wrong = (value: string, why: string) => invalidValue('spec.signerName', value, why);
  if (name === '') return [required('spec.signerName', 'signerName must be provided')];
  if (name === LEGACY_SIGNER) return [wrong(name, 'the legacy signerName is not allowed via this API version')];
  const [domain = '', path, ...more] = name.split('/');
  if (path === undefined || more.length > 0)
    return [wrong(name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")];
  const labels = domain.split('.');
  const label = labels.find((one) => !matches(LABEL, one));
  const segment = path.split('.').find((one) => !matches(LABEL, one));
  return [
    ...(label === undefined ? [] : [wrong(domain, `validating label ${JSON.stringify(label)}: ${LABEL_RULE}`)]),
    ...(labels.length < 2 ? [wrong(domain, 'should be a domain with at least two segments separated by dots')] : []),
    ...(segment === undefined ? [] : [wrong(path, `validating label ${JSON.stringify(segment)}: ${SUBDOMAIN_RULE}`)]),
  ];
}

const LABEL_RULE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric " +
  `character (e.g. 'my-name',  or '123-abc', regex used for validation is '${LABEL}')`;
const SUBDOMAIN_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric " +
  `character (e.g. 'example.com', regex used for validation is '${SUBDOMAIN}')`;

function matches(pattern: string, text: string): boolean {
  return new RegExp(`^${pattern}$`).test(text);
}

function removedDecisions(object: KubeObject, previous: KubeObject | undefined): FieldError[] {
  const types = (request: KubeObject | undefined) => itemsOf(fieldsOf(request?.status).conditions).map(({ type }) => type);
  const kept = types(object);
  return types(previous)
    .filter((type) => DECISIONS.includes(textOf(type)) && !kept.includes(type))
    .map((type) => forbiddenField('status.conditions', `updates may not remove a condition of type "${textOf(type)}"`));
}
