import type { ApiRequest, ApiResponse, Fault, InterceptedRequest } from '@hawser/edge';
import { API_RESOURCES, type ApiResource, apiVersionOf, resourcePath } from '@hawser/protocol';
import type { MemoryStorage } from './memory-storage.ts';

/** Rules that may wait at the same time; one more is refused, because a test that adds so many has lost track. */
const MOST_RULES = 100;

/** Requests and answers that may be held at the same time; one more passes. */
const MOST_HELD = 1_000;

/** Which requests a fault is for; what is absent matches all. */
export interface FaultMatch {
  readonly method?: string | undefined;
  /** Only what changes something (true), or only what reads (false). */
  readonly write?: boolean | undefined;
  /** As whom it is made, by impersonation: `system:node:edge-1`. */
  readonly as?: string | undefined;
  /** Beginning of the path, without the query: `/api/v1/pods`. */
  readonly pathPrefix?: string | undefined;
  /** Only watches (true), or only what is no watch (false). */
  readonly watch?: boolean | undefined;
  /** How many requests it is for. Default 1. */
  readonly times?: number | undefined;
}

export type FaultRule = FaultMatch & {
  readonly fault:
    | Exclude<Fault, { type: 'hold' }>
    /** The request waits for `releaseHeld`, and is done then; not where its client has gone meanwhile. */
    | { readonly type: 'hold' }
    /** The request is done, and its answer waits for `releaseHeld`. For what is no watch. */
    | { readonly type: 'holdAnswer' }
    /** A watch gets 200 and one ERROR event with 410 Expired, then a clean end, as after a compaction. Watches only. */
    | { readonly type: 'expired' }
    /**
     * A list is complete and has no items, also as a stream, which ends there. Lists of all namespaces only, and none of one object
     * (`limit=1`).
     */
    | { readonly type: 'emptyList' };
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
  readonly #watches = new Set<ApiResponse>();
  readonly #heldRequests = new Set<() => void>();
  readonly #heldAnswers = new Set<() => void>();
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

  /** Drops all rules, releases what is held and lets silent watches speak. What is stalled stays so until its client goes. */
  clear(): void {
    this.#waiting.length = 0;
    this.releaseHeld();
    this.speakWatches();
  }

  /** Held requests are done and held answers sent, in the order in which they came. */
  releaseHeld(): void {
    for (const release of [...this.#heldRequests, ...this.#heldAnswers]) release();
  }

  /** Of what has a client that still waits. */
  held(): { readonly requests: number; readonly answers: number } {
    return { requests: this.#heldRequests.size, answers: this.#heldAnswers.size };
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

  /** As `silenceWatches`, for the watches that are open now: whoever watches anew sees what goes on, the others lag. */
  silenceOpenWatches(): void {
    for (const response of this.#watches) response.cork();
  }

  /** Ends the silence: all that was held back goes out. */
  speakWatches(): void {
    this.#areWatchesSilent = false;
    // Silenced twice is corked twice; and uncorking what is not corked would silence it for good.
    for (const response of this.#watches) while (response.writableCorked > 0) response.uncork();
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
  intercept(request: InterceptedRequest, gone: AbortSignal): Fault | undefined {
    const fault = this.#take(request, ({ fault: { type } }) => !TAKEN_OVER.has(type))?.fault;
    switch (fault?.type) {
      case 'expired':
      case 'emptyList':
      case 'holdAnswer':
      case undefined:
        return undefined;
      case 'hold':
        return { type: 'hold', until: this.#hold(this.#heldRequests, gone) };
      default:
        return fault;
    }
  }

  /** The server's `takeOver`: follows the watches, answers those that are to be told of a compaction, and lists that are to be empty. */
  takeOver(request: ApiRequest, response: ApiResponse): boolean {
    const [path = '', query = ''] = (request.url ?? '/').split('?', 2);
    const asked = { method: request.method ?? 'GET', path, query: new URLSearchParams(query), headers: request.headers };
    const listed = listedResource(asked);
    const isEmpty = listed !== undefined && this.#take(asked, ({ fault }) => fault.type === 'emptyList') !== undefined;
    if (isEmpty) answerEmpty(response, listed, this.#storage.revision(), asksForWatch(asked));
    if (!asksForWatch(asked)) {
      if (!isEmpty && this.#take(asked, ({ fault }) => fault.type === 'holdAnswer') !== undefined) this.#holdAnswer(response);
      return isEmpty;
    }
    this.#watches.add(response);
    response.once('close', () => this.#watches.delete(response));
    if (isEmpty) return true;
    if (this.#take(asked, (candidate) => candidate.fault.type === 'expired') !== undefined) {
      answerExpired(response, this.#storage.revision());
      return true;
    }
    if (this.#areWatchesSilent) response.cork();
    return false;
  }

  /** Resolves when it is released, or its client has gone. */
  #hold(held: Set<() => void>, gone: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const release = () => {
        held.delete(release);
        gone.removeEventListener('abort', release);
        resolve();
      };
      if (gone.aborted || held.size >= MOST_HELD) resolve();
      else {
        held.add(release);
        gone.addEventListener('abort', release);
      }
    });
  }

  /** Nothing of it leaves before it is released: what the handler writes is corked, and its end waits. */
  #holdAnswer(response: ApiResponse): void {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    response.cork();
    const end = response.end.bind(response);
    response.end = (...given: unknown[]) => {
      void this.#hold(this.#heldAnswers, gone.signal).then(() => {
        // Node loses what is corked when a response ends.
        while (response.writableCorked > 0) response.uncork();
        Reflect.apply(end, response, given);
      });
      return response;
    };
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

/** Faults that are not the HTTP server's own. */
const TAKEN_OVER: ReadonlySet<FaultRule['fault']['type']> = new Set(['expired', 'emptyList', 'holdAnswer']);

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

function matches(rule: FaultRule, request: InterceptedRequest): boolean {
  return (
    (rule.write === undefined || rule.write === !READS.has(request.method)) &&
    (rule.as === undefined || rule.as === request.headers['impersonate-user']) &&
    (rule.method === undefined || rule.method === request.method) &&
    (rule.pathPrefix === undefined || request.path.startsWith(rule.pathPrefix)) &&
    (rule.watch === undefined || rule.watch === asksForWatch(request))
  );
}

function asksForWatch(request: InterceptedRequest): boolean {
  return ['true', '1'].includes(request.query.get('watch') ?? '') || request.path.startsWith('/api/v1/watch/');
}

/** The resource that is listed whole, in all namespaces: its kind and version. */
function listedResource({ method, path, query }: InterceptedRequest): ApiResource | undefined {
  const isList = !query.has('watch') || query.get('sendInitialEvents') === 'true';
  if (method !== 'GET' || !isList || query.get('limit') === '1') return undefined;
  return API_RESOURCES.find((resource) => resourcePath(resource) === path);
}

function answerEmpty(response: ApiResponse, resource: ApiResource, revision: number, isStream: boolean): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  const apiVersion = apiVersionOf(resource);
  const metadata = { resourceVersion: String(revision) };
  if (!isStream) {
    response.end(JSON.stringify({ kind: `${resource.kind}List`, apiVersion, metadata, items: [] }));
    return;
  }
  const annotations = { 'k8s.io/initial-events-end': 'true' };
  const object = { kind: resource.kind, apiVersion, metadata: { ...metadata, annotations } };
  response.end(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
}

function answerExpired(response: ApiResponse, revision: number): void {
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
