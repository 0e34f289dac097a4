import type { FieldError } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { fieldsOf, itemsOf, numberOf, textOf } from '../fields.ts';
import { forbiddenField, invalidValue } from './field-errors.ts';

const SHORTEST_SECONDS = 600;
const SIGNER_NAME = /^[a-z0-9.-]+\.[a-z0-9.-]+\/.+$/;
/** Decisions about a request; none may be taken back. */
const DECISIONS = ['Approved', 'Denied', 'Failed'];

export function validateCertificateRequest(object: KubeObject, previous: KubeObject | undefined): FieldError[] {
  const spec = fieldsOf(object.spec);
  const seconds = numberOf(spec.expirationSeconds);
  const pem = Buffer.from(textOf(spec.request), 'base64').toString('utf8');
  return [
    ...(pem.includes('-----BEGIN CERTIFICATE REQUEST-----')
      ? []
      : [invalidValue('spec.request', spec.request, 'PEM block type must be CERTIFICATE REQUEST')]),
    ...(SIGNER_NAME.test(textOf(spec.signerName))
      ? []
      : [
          invalidValue(
            'spec.signerName',
            spec.signerName,
            "must be a fully qualified domain and path of the form 'example.com/signer-name'",
          ),
        ]),
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

function removedDecisions(object: KubeObject, previous: KubeObject | undefined): FieldError[] {
  const types = (request: KubeObject | undefined) => itemsOf(fieldsOf(request?.status).conditions).map(({ type }) => type);
  const kept = types(object);
  return types(previous)
    .filter((type) => DECISIONS.includes(textOf(type)) && !kept.includes(type))
    .map((type) => forbiddenField('status.conditions', `updates may not remove a condition of type "${textOf(type)}"`));
}
