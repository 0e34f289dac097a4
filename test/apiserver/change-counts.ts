import type { ApiRequest, ApiResponse, Change } from '@hawser/edge';
import { CLUSTER_RESOURCES } from './cluster-resources.ts';
import type { MemoryStorage } from './memory-storage.ts';
import { answerAdministrator } from './request-counts.ts';

/** Where the counts are read over HTTP. */
export const CHANGES_PATH = '/-/changes';

/** New resourceVersions of one resource since the server began, whoever made them; a request that changes nothing makes none. */
export interface ChangeCount {
  /** `pods`, `coordination.k8s.io/leases`. */
  readonly resource: string;
  readonly type: Change['type'];
  readonly count: number;
}

/** Counts what really happened to the objects: how a benchmark knows that nothing took effect twice. */
export class ChangeCounts {
  readonly #adminToken: string;
  readonly #counts = new Map<string, ChangeCount>();

  constructor(storage: MemoryStorage, adminToken: string) {
    this.#adminToken = adminToken;
    for (const { id } of CLUSTER_RESOURCES) storage.subscribe(id, ({ type }) => this.#note(id, type));
  }

  /** Answers the path for the administrator. @returns whether it has answered */
  take(request: ApiRequest, response: ApiResponse): boolean {
    if (request.url !== CHANGES_PATH) return false;
    answerAdministrator(response, request.headers.authorization === `Bearer ${this.#adminToken}`, [...this.#counts.values()]);
    return true;
  }

  #note(resource: string, type: Change['type']): void {
    const kind = `${type} ${resource}`;
    const { count } = this.#counts.get(kind) ?? { count: 0 };
    this.#counts.set(kind, { resource, type, count: count + 1 });
  }
}
