import { compareResourceVersions } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { HowFar } from '../apiserver/index.ts';
import type { Clock } from '../clock.ts';

/** The API server is asked about one resource at most so often, in ms; who comes in between comes again. */
const ASK_INTERVAL_MS = 30_000;
/** A resource whose watch lags is listed anew at most so often, in ms: where the API server's own cache lags, it comes to be so again. */
const LIST_INTERVAL_MS = 2 * 60_000;

export interface AheadChecksOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger;
  /**
   * How far the API server is with the resource, from its quorum; where that is before `reached`, after being asked twice.
   * @throws HawserError when it does not say, or is another cluster
   */
  readonly howFar: (resource: string, reached: string) => Promise<HowFar>;
  /** Our watch lags: the resource is to be listed anew. */
  readonly onLag: (resource: string) => void;
  /** That node's agent holds what the API server has yet to come to. */
  readonly onRestored: (node: string, detail: string) => void;
}

interface Resource {
  /** Nodes and the version that the agent of each holds. Bounded by the sessions. */
  readonly askers: Map<string, string>;
  isAsking: boolean;
  askedMs: number;
  listedMs: number;
}

/**
 * Why a relay is behind an agent (rule 2): sessions that have waited for long come here, and for all of them together one
 * consistent list is made. An API server at or past what the agent holds means that our watch lags; one before it was restored.
 */
export class AheadChecks {
  readonly #options: AheadChecksOptions;
  readonly #resources = new Map<string, Resource>();

  constructor(options: AheadChecksOptions) {
    this.#options = options;
  }

  /** @param ahead the highest version that the node's agent holds of each resource with which this relay is behind */
  overdue(node: string, ahead: ReadonlyMap<string, string>): void {
    for (const [name, resourceVersion] of ahead) {
      const resource = this.#resource(name);
      const isOften = this.#isWithin(ASK_INTERVAL_MS, resource.askedMs);
      if (isOften && !resource.isAsking) continue;
      resource.askers.set(node, resourceVersion);
      if (!resource.isAsking) void this.#ask(name, resource);
    }
  }

  async #ask(name: string, resource: Resource): Promise<void> {
    resource.isAsking = true;
    resource.askedMs = this.#nowMs();
    try {
      const highest = [...resource.askers.values()].reduce((a, b) => (compareResourceVersions(a, b) > 0 ? a : b));
      const far = await this.#options.howFar(name, highest);
      if (far.type === 'at') this.#judge(name, resource, far.resourceVersion);
      else this.#options.logger.warn({ resource: name, outcome: far.outcome.type }, 'API server does not say how far it is');
    } catch (err) {
      // Sessions wait on, and ask again.
      this.#options.logger.warn({ err, resource: name }, 'API server does not say how far it is');
    } finally {
      resource.isAsking = false;
      resource.askers.clear();
    }
  }

  #judge(name: string, resource: Resource, serverAt: string): void {
    const { logger, onLag, onRestored } = this.#options;
    let isLagging = false;
    for (const [node, held] of resource.askers) {
      if (compareResourceVersions(held, serverAt) > 0) {
        onRestored(node, `the agent of ${node} holds ${name} of ${held}, the API server is at ${serverAt}`);
      } else isLagging = true;
    }
    if (!isLagging || this.#isWithin(LIST_INTERVAL_MS, resource.listedMs)) return;
    resource.listedMs = this.#nowMs();
    logger.warn({ resource: name, serverAt, sessions: resource.askers.size }, 'watch lags behind what agents hold: listing anew');
    onLag(name);
  }

  #resource(name: string): Resource {
    const known = this.#resources.get(name);
    if (known !== undefined) return known;
    const never = Number.NEGATIVE_INFINITY;
    const resource = { askers: new Map<string, string>(), isAsking: false, askedMs: never, listedMs: never };
    this.#resources.set(name, resource);
    return resource;
  }

  /** A clock that was set back says that it was long ago: it would not be there again for as long. */
  #isWithin(intervalMs: number, thenMs: number): boolean {
    const passedMs = this.#nowMs() - thenMs;
    return passedMs >= 0 && passedMs < intervalMs;
  }

  #nowMs(): number {
    return this.#options.clock.now().getTime();
  }
}
