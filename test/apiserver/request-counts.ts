import type { ApiRequest, ApiResponse } from '@hawser/edge';
import { RequestRates } from './request-rates.ts';

/** Where the counts are read over HTTP. */
export const COUNTS_PATH = '/-/requests';
/** How many requests of the relay came in each second. */
export const RATES_PATH = '/-/requests/rates';

/** Requests of one kind since the server began; watches count once, when they open. */
export interface RequestCount {
  /** Whose token came with them: `admin`, `relay`, or `other`. */
  readonly by: string;
  /** The user that they were made as, by impersonation; empty for the bearer itself. */
  readonly as: string;
  readonly method: string;
  /** `pods`, `leases`; with a subresource `pods/status`; empty for paths that name no resource. */
  readonly resource: string;
  readonly count: number;
}

/** Counts every request by who made it, as whom, and of what: how a test or benchmark knows what the relay writes. */
export class RequestCounts {
  readonly #tokens: ReadonlyMap<string, string>;
  readonly #counts = new Map<string, RequestCount>();
  readonly #rates = new RequestRates();

  constructor(tokens: { readonly admin: string; readonly relay: string }) {
    this.#tokens = new Map([
      [`Bearer ${tokens.admin}`, 'admin'],
      [`Bearer ${tokens.relay}`, 'relay'],
    ]);
  }

  /** Counts the request; answers the two paths for the administrator. @returns whether it has answered */
  take(request: ApiRequest, response: ApiResponse): boolean {
    const by = this.#tokens.get(request.headers.authorization ?? '') ?? 'other';
    const [path = ''] = (request.url ?? '').split('?', 1);
    if (path === COUNTS_PATH || path === RATES_PATH) {
      answerAdministrator(response, by === 'admin', path === COUNTS_PATH ? this.all() : this.#rates.all());
      return true;
    }
    const impersonated = request.headers['impersonate-user'];
    const as = typeof impersonated === 'string' ? impersonated : '';
    const { method = 'GET' } = request;
    const resource = resourceIn(path);
    const kind = [by, as, method, resource].join(' ');
    const { count } = this.#counts.get(kind) ?? { count: 0 };
    this.#counts.set(kind, { by, as, method, resource, count: count + 1 });
    if (by === 'relay') this.#rates.note();
    return false;
  }

  all(): readonly RequestCount[] {
    return [...this.#counts.values()];
  }
}

export function answerAdministrator(response: ApiResponse, isAdministrator: boolean, body: unknown): void {
  response.writeHead(isAdministrator ? 200 : 401, { 'content-type': 'application/json' });
  response.end(isAdministrator ? JSON.stringify(body) : '{}');
}

/** `/api/v1/namespaces/NS/pods/NAME/status` → `pods/status`; `/apis/GROUP/VERSION/RESOURCE/NAME` → `RESOURCE`. */
function resourceIn(path: string): string {
  const parts = path.split('/').filter((part) => part !== '');
  const rest = parts[0] === 'api' ? parts.slice(2) : parts[0] === 'apis' ? parts.slice(3) : [];
  const scoped = rest[0] === 'namespaces' && rest.length > 2 ? rest.slice(2) : rest;
  const [resource = '', , subresource] = scoped;
  return subresource === undefined ? resource : `${resource}/${subresource}`;
}
