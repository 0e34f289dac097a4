import { conflict, forbidden, invalid, notFound, type SpecialAnswer, type SpecialRequest, timestamp } from '@hawser/edge';
import { fieldsOf, itemsOf } from '../fields.ts';
import { validateCertificateRequest } from '../validate/certificate-request.ts';
import { replaceObject } from './stored.ts';

const REQUESTS = { group: 'certificates.k8s.io', resource: 'certificatesigningrequests', kind: 'CertificateSigningRequest' };

/**
 * PUT certificatesigningrequests/NAME/approval: takes the conditions of the body and nothing else, and dates them.
 * @throws ApiError 404, 409 for a stale resourceVersion, 422 when a decision is taken back
 */
export function approveRequest(request: SpecialRequest): SpecialAnswer {
  const key = { resource: 'certificates.k8s.io/certificatesigningrequests', namespace: '', name: request.name };
  const stored = request.storage.get(key);
  if (stored === undefined) throw notFound(REQUESTS, request.name);
  if (request.body === undefined) throw forbidden(REQUESTS, request.name, 'the body must be the request with its conditions');
  const { resourceVersion } = request.body.metadata;
  if (resourceVersion !== undefined && resourceVersion !== stored.metadata.resourceVersion) {
    throw conflict(
      REQUESTS,
      request.name,
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  }
  const conditions = itemsOf(fieldsOf(request.body.status).conditions).map((condition) => ({
    ...condition,
    lastUpdateTime: condition.lastUpdateTime ?? timestamp(request.now),
    lastTransitionTime: condition.lastTransitionTime ?? timestamp(request.now),
  }));
  const decided = { ...stored, status: { ...fieldsOf(stored.status), conditions } };
  const errors = validateCertificateRequest(decided, stored);
  if (errors.length > 0) throw invalid(REQUESTS, request.name, errors);
  return { status: 200, body: replaceObject(request.storage, key, decided, stored, 'approval') };
}
