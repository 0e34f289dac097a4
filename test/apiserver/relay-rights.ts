import {
  ApiError,
  type ApiPolicy,
  type ApiRequest,
  type ApiResponse,
  type Decision,
  type Identity,
  type RequestAttributes,
} from '@hawser/edge';
import { RELAY_USER } from './relay-identity.ts';

/** Where what the relay did with its rights is read over HTTP. */
export const RIGHTS_PATH = '/-/relay-rights';

/** A right in the words of RBAC: `get pods`, `impersonate-on:arbitrary-node:patch nodes/status`, `impersonate groups system:nodes`. */
export interface RelayRights {
  /** What it asked for and was given, each once. */
  readonly used: readonly string[];
  /** What it asked for and was not given. */
  readonly denied: readonly string[];
}

/** Notes each right that the relay makes use of or lacks: its rights are to be just those that it needs. */
export class RelayRightsLog {
  readonly #used = new Set<string>();
  readonly #denied = new Set<string>();
  readonly #adminToken: string;

  constructor(adminToken: string) {
    this.#adminToken = adminToken;
  }

  rights(): RelayRights {
    return { used: [...this.#used].sort(), denied: [...this.#denied].sort() };
  }

  /** The same policy, with its decisions about the relay noted. */
  noting(policy: ApiPolicy): ApiPolicy {
    return {
      ...policy,
      authenticate: (credentials, attributes) => {
        const { user, groups } = credentials.impersonate;
        try {
          const identity = policy.authenticate(credentials, attributes);
          if (identity?.impersonatedBy?.name === RELAY_USER) this.#note(this.#used, actingAs(identity, groups, attributes));
          return identity;
        } catch (error) {
          const isRelay = error instanceof ApiError && error.message.includes(JSON.stringify(RELAY_USER));
          if (isRelay && user !== undefined) this.#note(this.#denied, [`${verbOf(attributes)} as ${user}`]);
          throw error;
        }
      },
      authorize: (identity, attributes) => {
        const decision: Decision = policy.authorize(identity, attributes);
        if (identity.name === RELAY_USER) this.#note(decision.allowed ? this.#used : this.#denied, [verbOf(attributes)]);
        return decision;
      },
    };
  }

  /** Answers `GET /-/relay-rights` for the administrator. @returns whether it has answered */
  take(request: ApiRequest, response: ApiResponse): boolean {
    if ((request.url ?? '') !== RIGHTS_PATH) return false;
    const isAllowed = request.headers.authorization === `Bearer ${this.#adminToken}`;
    response.writeHead(isAllowed ? 200 : 401, { 'content-type': 'application/json' });
    response.end(isAllowed ? JSON.stringify(this.rights()) : '{}');
    return true;
  }

  #note(into: Set<string>, rights: readonly string[]): void {
    for (const right of rights) into.add(right);
  }
}

/** Which form it was, its groups tell: the constrained one names none. */
function actingAs(identity: Identity, groups: readonly string[], attributes: RequestAttributes): string[] {
  if (groups.length > 0) return ['impersonate users', ...groups.map((group) => `impersonate groups ${group}`)];
  if (!identity.groups.includes('system:nodes')) return ['impersonate users'];
  return ['impersonate:arbitrary-node authentication.k8s.io/nodes', `impersonate-on:arbitrary-node:${verbOf(attributes)}`];
}

function verbOf({ verb, path, resource }: RequestAttributes): string {
  if (resource === undefined) return `${verb} ${path}`;
  const name = resource.group === '' ? resource.resource : `${resource.group}/${resource.resource}`;
  return `${verb} ${name}${resource.subresource === '' ? '' : `/${resource.subresource}`}`;
}
