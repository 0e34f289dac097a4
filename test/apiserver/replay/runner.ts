import { Agent } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StorageKey } from '@hawser/edge';
import { API_RESOURCES, type KubeObject } from '@hawser/protocol';
import { exchangeOnce, type LiveRequest, type LiveWatch, openWatch } from '../../replay/client.ts';
import { compareAnswers, type Difference } from '../../replay/compare.ts';
import type { ExchangeResult } from '../../replay/known.ts';
import { bodyOf, contentOf, type Exchange, isWatch, type Scenario } from '../../replay/recording.ts';
import { idOf, presupposed, type Seeds } from '../../replay/seeds.ts';
import { Translation } from '../../replay/translate.ts';
import { maintainClusterObjects } from '../cluster-objects.ts';
import { MemoryStorage } from '../memory-storage.ts';
import { fieldsOf, textsOf } from '../policy/fields.ts';
import { ISSUER } from '../policy/service-account-tokens.ts';
import { RELAY_NAMESPACE } from '../relay-identity.ts';
import { type EmbeddedApiServer, startEmbeddedApiServer } from '../server.ts';
import { fastClock } from './clock.ts';
import { INTERVENTIONS } from './interventions.ts';

/** Real milliseconds that a watch gets to answer its headers before the replay goes on; one from the future takes 3 s of the server's. */
const WATCH_OPEN_MS = 4_000;
const ALICE = { token: 'alice-token-of-the-replay', user: 'alice', groups: [] };

interface RunningWatch {
  readonly exchange: Exchange;
  readonly index: number;
  readonly live: LiveWatch;
}

/**
 * Sends the recorded requests to a fresh server, in their order and with their gaps, and compares the answers.
 * @param speed the server's clock and the recorded gaps both run so many times faster than the wall clock
 */
export async function replayScenario(scenario: Scenario, all: readonly Scenario[], speed: number): Promise<ExchangeResult[]> {
  const server = await startSeeded(presupposed(scenario, all), speed);
  const agent = new Agent({ ca: server.caPem, keepAlive: true });
  try {
    return await new Replay(scenario, server, agent, speed).run();
  } finally {
    agent.destroy();
    await server.close();
  }
}

class Replay {
  readonly #scenario: Scenario;
  readonly #server: EmbeddedApiServer;
  readonly #agent: Agent;
  readonly #speed: number;
  readonly #translation = new Translation();
  readonly #watches = new Set<RunningWatch>();
  readonly #results: ExchangeResult[] = [];
  /** If-None-Match is not among the recorded headers; a recorded 304 says that it was sent. */
  readonly #etags = new Map<string, string>();

  constructor(scenario: Scenario, server: EmbeddedApiServer, agent: Agent, speed: number) {
    this.#scenario = scenario;
    this.#server = server;
    this.#agent = agent;
    this.#speed = speed;
  }

  async run(): Promise<ExchangeResult[]> {
    const start = Date.now();
    this.#intervene(-1);
    for (const [index, exchange] of this.#scenario.exchanges.entries()) {
      await this.#finishWatches((watch) => endOf(watch.exchange) <= exchange.atMs);
      await sleep(Math.max(0, start + exchange.atMs / this.#speed - Date.now()));
      if (isWatch(exchange)) await this.#openWatch(exchange, index);
      else await this.#exchange(exchange, index);
      this.#intervene(index);
    }
    await this.#finishWatches(() => true);
    return this.#results.sort((a, b) => a.index - b.index);
  }

  #intervene(afterExchange: number): void {
    for (const intervention of INTERVENTIONS) {
      const isNow = intervention.scenario === this.#scenario.name && intervention.afterExchange === afterExchange;
      if (isNow) intervention.run(this.#server);
    }
  }

  async #exchange(exchange: Exchange, index: number): Promise<void> {
    const live = await exchangeOnce(this.#request(exchange));
    if (live.headers.etag !== undefined) this.#etags.set(exchange.request.path, live.headers.etag);
    const { status, headers, body } = exchange.response;
    const differences = compareAnswers({ status, headers, body: contentOf(body) }, live);
    this.#translation.learn(exchange, live);
    this.#report(exchange, index, differences);
  }

  async #openWatch(exchange: Exchange, index: number): Promise<void> {
    const opening = openWatch(this.#request(exchange));
    const live = await Promise.race([opening, sleep(WATCH_OPEN_MS, undefined, { ref: false })]);
    if (live === undefined) throw new Error(`${this.#scenario.name} #${index}: the watch did not answer in ${WATCH_OPEN_MS} ms`);
    this.#watches.add({ exchange, index, live });
  }

  async #finishWatches(isDue: (watch: RunningWatch) => boolean): Promise<void> {
    const due = [...this.#watches].filter(isDue);
    await Promise.all(due.map((watch) => this.#finish(watch)));
  }

  async #finish(watch: RunningWatch): Promise<void> {
    this.#watches.delete(watch);
    const { exchange, live } = watch;
    if (exchange.response.ended !== 'server') {
      await sleep((exchange.response.endedAfterMs ?? 0) / this.#speed);
      live.hangUp();
    }
    const events = await live.ended;
    const recorded = (exchange.response.events ?? []).map((event) => event.line);
    const differences = compareAnswers(
      { status: exchange.response.status, headers: exchange.response.headers, events: recorded },
      { status: live.status, headers: live.headers, events },
    );
    this.#translation.learn(exchange, { events });
    this.#report(exchange, watch.index, differences);
  }

  #report(exchange: Exchange, index: number, differences: readonly Difference[]): void {
    const { method, path } = exchange.request;
    this.#results.push({ scenario: this.#scenario.name, index, request: `${method} ${path.slice(0, 160)}`, differences });
  }

  #request(exchange: Exchange): LiveRequest {
    const authorization = this.#authorization(exchange.request.as);
    const etag = exchange.response.status === 304 ? this.#etags.get(exchange.request.path) : undefined;
    return {
      url: this.#server.url,
      agent: this.#agent,
      method: exchange.request.method,
      path: this.#translation.path(exchange.request.path),
      headers: {
        ...exchange.request.headers,
        ...(authorization === undefined ? {} : { authorization }),
        ...(etag === undefined ? {} : { 'if-none-match': etag }),
      },
      body: bodyOf(this.#translation.body(exchange)),
    };
  }

  /** The credentials themselves are not recorded, only whose they were. */
  #authorization(as: string): string | undefined {
    if (as.startsWith('anonymous')) return undefined;
    if (as.startsWith('kubernetes-admin')) return `Bearer ${this.#server.adminToken}`;
    if (as.startsWith('alice')) return `Bearer ${ALICE.token}`;
    if (as.startsWith('service account token of system:')) {
      const token = this.#translation.lastToken((candidate) => audiencesOf(candidate).includes(ISSUER));
      if (token !== undefined) return `Bearer ${token}`;
    }
    if (as === 'service account token of undefined') return 'Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl';
    if (as === 'a bearer token the server does not know') return 'Bearer nobody-knows-this-token';
    throw new Error(`no credentials for ${JSON.stringify(as)}`);
  }
}

function audiencesOf(token: string): string[] {
  const payload: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
  return textsOf(fieldsOf(payload).aud);
}

function endOf(exchange: Exchange): number {
  return exchange.atMs + (exchange.response.endedAfterMs ?? Number.POSITIVE_INFINITY);
}

async function startSeeded(seeds: Seeds, speed: number): Promise<EmbeddedApiServer> {
  return startEmbeddedApiServer({
    storage: new MemoryStorage({ startRevision: seeds.revision, objects: allObjects(seeds) }),
    clock: fastClock(speed),
    tokens: [ALICE],
  });
}

/** The seeds over what every cluster and every namespace has, which is older than all of them. */
function allObjects(seeds: Seeds): { key: StorageKey; object: KubeObject }[] {
  const scratch = new MemoryStorage();
  maintainClusterObjects(scratch, 'replaced by the server', () => new Date(), [RELAY_NAMESPACE]);
  for (const name of seeds.namespaces) {
    scratch.commit({
      type: 'create',
      key: { resource: 'namespaces', namespace: '', name },
      object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name, uid: `namespace-${name}` }, status: { phase: 'Active' } },
    });
  }
  const seeded = new Set(seeds.objects.map(({ key }) => idOf(key)));
  const common = API_RESOURCES.flatMap((resource) =>
    scratch.list(resource.id).map((object) => ({
      key: { resource: resource.id, namespace: object.metadata.namespace ?? '', name: object.metadata.name ?? '' },
      object: { ...object, metadata: { ...object.metadata, resourceVersion: '1' } },
    })),
  );
  return [...common.filter(({ key }) => !seeded.has(idOf(key))), ...seeds.objects];
}
