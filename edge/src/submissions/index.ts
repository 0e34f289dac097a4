import type { SpecialAnswer, SpecialRequest } from '../api/policy.ts';
import { type CertificateRequestsOptions, createCertificateRequests } from './certificate-requests.ts';
import { type EvictionOptions, evict } from './evictions.ts';

export interface Submissions {
  /** Answers a write that `api/device/surface.ts` leaves to the cloud; undefined for one that is none. @throws ApiError */
  submit(request: SpecialRequest): Promise<SpecialAnswer> | undefined;
  stop(): void;
}

/** Writes that only the cluster answers, but TokenRequests: `tokens/`. */
export function createSubmissions(options: CertificateRequestsOptions & EvictionOptions): Submissions {
  const requests = createCertificateRequests(options);
  return {
    submit(request) {
      if (request.verb !== 'create') return undefined;
      if (request.group === '' && request.resource === 'pods' && request.subresource === 'eviction')
        return evict(options, request);
      const isRequest = request.group === 'certificates.k8s.io' && request.resource === 'certificatesigningrequests';
      return isRequest && request.subresource === '' ? requests.create(request) : undefined;
    },
    stop: requests.stop,
  };
}
