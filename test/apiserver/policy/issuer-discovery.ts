import type { ApiServerOptions } from '@hawser/edge';
import { ISSUER, type ServiceAccountTokens } from './service-account-tokens.ts';

/** By which others verify the cluster's tokens without asking it (Kubernetes, "Service account issuer discovery"). */
export function discoveryDocuments({ keySet }: Pick<ServiceAccountTokens, 'keySet'>): NonNullable<ApiServerOptions['ownPaths']> {
  const configuration = {
    issuer: ISSUER,
    jwks_uri: `${ISSUER}/openid/v1/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  };
  return new Map([
    ['/.well-known/openid-configuration', { get: async () => configuration }],
    ['/openid/v1/jwks', { get: async () => keySet }],
  ]);
}
