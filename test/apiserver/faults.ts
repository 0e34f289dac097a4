import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Fault, InterceptedRequest } from '@hawser/edge';
import type { MemoryStorage } from './memory-storage.ts';

/** Rules that may wait at the same time; one more is refused, because a test that adds so many has lost track. */
const MOST_RULES = 100;

/** Which requests a fault is for; what is absent matches all. */
export interface FaultMatch {
  readonly method?: string | undefined;
  /** Beginning of the path, without the query: `/api/v1/pods`. */
  readonly pathPrefix?: string | undefined;
  /** Only watches (true), or only what is no watch (false). */
  readonly watch?: boolean | undefined;
  /** How many requests it is for. Default 1. */
  readonly times?: number | undefined;
}

export type FaultRule = FaultMatch & {
  readonly fault:
    | Fault
    /** A watch gets 200 and one ERROR event with 410 Expired, then a clean end, as after a compaction. Watches only. */
    | { readonly type: 'expired' };
};

interface WaitingRule {
  readonly rule: FaultRule;
  left: number;
}

/** What can go wrong with an API server, at will. One per server. */
export class Faults {
  readonly #storage: MemoryStorage;
  readonly #cutOpenWatches: () => number;
  readonly #waiting: WaitingRule[] = [];
  readonly #watches = new Set<ServerResponse>();
  #areWatchesSilent = false;

  constructor(storage: MemoryStorage, cutOpenWatches: () => number) {
    this.#storage = storage;
    this.#cutOpenWatches = cutOpenWatches;
  }

  /** Rules are tried in the order in which they were added; the first that matches is used up by one. */
  add(rule: FaultRule): void {
    if (this.#waiting.length >= MOST_RULES) throw new Error(`more than ${MOST_RULES} faults are waiting`);
    this.#waiting.push({ rule, left: rule.times ?? 1 });
  }

  /** Drops all rules and lets silent watches speak. What is stalled stays so until its client goes. */
  clear(): void {
    this.#waiting.length = 0;
    this.speakWatches();
  }

  /** Closes the connections of all open watches in the middle of their body. @returns how many */
  cutWatches(): number {
    return this.#cutOpenWatches();
  }

  /** Open and new watches send nothing any more, although their connections stand: a half-open link. */
  silenceWatches(): void {
    this.#areWatchesSilent = true;
    for (const response of this.#watches) response.cork();
  }

  /** Ends the silence: all that was held back goes out. */
  speakWatches(): void {
    this.#areWatchesSilent = false;
    for (const response of this.#watches) response.uncork();
  }

  /** Forgets the past, so that a watch or exact list from before now is answered with 410. */
  compact(): void {
    this.#storage.compact(this.#storage.revision());
  }

  /**
   * Goes back to an older revision, as etcd restored from a backup does, and cuts the watches.
   * @throws CompactedError when that revision is too old
   */
  rewind(revision: number): void {
    this.#storage.rewind(revision);
    this.cutWatches();
  }

  /** The server's `intercept`: the fault for this request, used up by one. */
  intercept(request: InterceptedRequest): Fault | undefined {
    const rule = this.#take(request, (candidate) => candidate.fault.type !== 'expired');
    return rule === undefined || rule.fault.type === 'expired' ? undefined : rule.fault;
  }

  /** The server's `takeOver`: follows the watches, and answers those that are to be told of a compaction. */
  takeOver(request: IncomingMessage, response: ServerResponse): boolean {
    const [path = '', query = ''] = (request.url ?? '/').split('?', 2);
    const asked = { method: request.method ?? 'GET', path, query: new URLSearchParams(query), headers: request.headers };
    if (!asksForWatch(asked)) return false;
    this.#watches.add(response);
    response.once('close', () => this.#watches.delete(response));
    if (this.#take(asked, (candidate) => candidate.fault.type === 'expired') !== undefined) {
      answerExpired(response, this.#storage.revision());
      return true;
    }
    if (this.#areWatchesSilent) response.cork();
    return false;
  }

  #take(request: InterceptedRequest, isMine: (rule: FaultRule) => boolean): FaultRule | undefined {
    const index = this.#waiting.findIndex(({ rule }) => isMine(rule) && matches(rule, request));
    const found = this.#waiting[index];
    if (found === undefined) return undefined;
    found.left -= 1;
    if (found.left <= 0) this.#waiting.splice(index, 1);
    return found.rule;
  }
}

function matches(rule: FaultRule, request: InterceptedRequest): boolean {
  return (
    (rule.method === undefined || rule.method === request.method) &&
    (rule.pathPrefix === undefined || request.path.startsWith(rule.pathPrefix)) &&
    (rule.watch === undefined || rule.watch === asksForWatch(request))
  );
}

function asksForWatch(request: InterceptedRequest): boolean {
  return ['true', '1'].includes(request.query.get('watch') ?? '') || request.path.startsWith('/api/v1/watch/');
}

function answerExpired(response: ServerResponse, revision: number): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  const status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `too old resource version: 1 (${revision})`,
    reason: 'Expired',
    code: 410,
  };
  response.end(`${JSON.stringify({ type: 'ERROR', object: status })}\n`);
}
