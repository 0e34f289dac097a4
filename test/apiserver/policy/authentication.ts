import type { RuleBinding } from '@hawser/edge';
import { badRequest, type Credentials, type Identity, type RequestAttributes, type Storage } from '@hawser/edge';
import { impersonate } from './impersonation.ts';
import { ISSUER, type ServiceAccountTokens } from './service-account-tokens.ts';

/** A bearer token that the server knows by heart, as from `--token-auth-file`. */
export interface StaticToken {
  readonly token: string;
  readonly user: string;
  readonly groups: readonly string[];
  readonly uid?: string;
}

export interface AuthenticationOptions {
  readonly storage: Storage;
  readonly staticTokens: readonly StaticToken[];
  readonly serviceAccountTokens: ServiceAccountTokens;
  /** As they are now. */
  readonly bindings: () => readonly RuleBinding[];
  /** Default true. */
  readonly hasConstrainedImpersonation?: boolean;
  readonly now: () => Date;
}

/**
 * Who sent a request. Without credentials everyone is `system:anonymous`; with wrong ones nobody (undefined, 401).
 * @throws ApiError 400 for impersonated groups without a user, 403 for an impersonation that is not allowed.
 */
export function createAuthenticator(
  options: AuthenticationOptions,
): (credentials: Credentials, attributes: RequestAttributes) => Identity | undefined {
  const byToken = new Map(options.staticTokens.map((entry) => [entry.token, entry]));

  function caller(credentials: Credentials): Identity | undefined {
    // A verified certificate decides, even beside a wrong token.
    if (credentials.certificate !== undefined) {
      const { commonName, organizations } = credentials.certificate;
      return { name: commonName, groups: authenticated(organizations) };
    }
    if (credentials.bearerToken === undefined) return { name: 'system:anonymous', groups: ['system:unauthenticated'] };
    const known = byToken.get(credentials.bearerToken);
    if (known !== undefined) {
      return {
        name: known.user,
        groups: authenticated(known.groups),
        ...(known.uid === undefined ? {} : { uid: known.uid }),
      };
    }
    const verdict = options.serviceAccountTokens.check(credentials.bearerToken, [ISSUER], options.storage, options.now());
    return verdict.type === 'valid' ? verdict.identity : undefined;
  }

  return (credentials, attributes) => {
    const identity = caller(credentials);
    const { user, groups, uid } = credentials.impersonate;
    if (identity === undefined || (user === undefined && groups.length === 0 && uid === undefined)) return identity;
    if (user === undefined || user === '') {
      const groupList = groups.length === 0 ? '(nil)' : `{${groups.map((group) => JSON.stringify(group)).join(', ')}}`;
      throw badRequest(
        `requested &user.DefaultInfo{Name:"", UID:${JSON.stringify(uid ?? '')}, Groups:[]string${groupList}, ` +
          'Extra:map[string][]string(nil)} without impersonating a user name',
      );
    }
    const hasConstrained = options.hasConstrainedImpersonation ?? true;
    return impersonate(options.bindings(), identity, { user, groups, uid }, attributes, hasConstrained);
  };
}

/** The groups with `system:authenticated`, which everyone that is known belongs to. */
export function authenticated(groups: readonly string[]): string[] {
  return [...new Set([...groups, 'system:authenticated'])];
}
