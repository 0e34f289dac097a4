import { Agent } from 'node:https';
import type { KubeObject } from '@hawser/protocol';
import { ManualClock } from '../../api/manual-clock.ts';
import { exchangeOnce, type LiveRequest, type LiveWatch, openWatch } from '../../replay/client.ts';
import type { Difference } from '../../replay/compare.ts';
import type { ExchangeResult } from '../../replay/known.ts';
import { bodyOf, contentOf, type Exchange, isWatch } from '../../replay/recording.ts';
import { Translation } from '../../replay/translate.ts';
import { until } from '../../support/until.ts';
import { type LocalDevice, startLocalDevice } from '../device.ts';
import { RecordedCloud } from './cloud.ts';
import { compareTold } from './compare-told.ts';
import { type Run, type Step, stepsOf } from './runs.ts';

/** Real milliseconds that events get to arrive before a watch is hung up; they are sent in the turn in which they happen. */
const ARRIVAL_MS = 2_000;
const NODE = 'edge-1';

interface RunningWatch {
  readonly step: Step;
  readonly live: LiveWatch;
}

/**
 * Sends the requests of a run to a fresh device, in their order and by its clock, and compares the answers. What others did to the
 * recorded cluster reaches the device as what the cloud sends down.
 * @param seeds what was in the cluster before
 */
export async function replayRun(run: Run, seeds: readonly KubeObject[]): Promise<ExchangeResult[]> {
  const steps = stepsOf(run);
  const cloud = new RecordedCloud(NODE, steps, seeds);
  const clock = new ManualClock(beginningOf(steps));
  const device = await startLocalDevice({ node: NODE, clock, answer: cloud.answer });
  const agent = new Agent({ ca: device.access.cert, keepAlive: true });
  try {
    return await new Replay(steps, cloud, device, clock, agent).run();
  } finally {
    agent.destroy();
    await device.close();
  }
}

class Replay {
  readonly #steps: readonly Step[];
  readonly #cloud: RecordedCloud;
  readonly #device: LocalDevice;
  readonly #clock: ManualClock;
  readonly #agent: Agent;
  readonly #translation = new Translation();
  readonly #watches = new Set<RunningWatch>();
  readonly #results: ExchangeResult[] = [];
  /** If-None-Match is not among the recorded headers; a recorded 304 says that it was sent. */
  readonly #etags = new Map<string, string>();
  #atMs = 0;

  constructor(steps: readonly Step[], cloud: RecordedCloud, device: LocalDevice, clock: ManualClock, agent: Agent) {
    this.#steps = steps;
    this.#cloud = cloud;
    this.#device = device;
    this.#clock = clock;
    this.#agent = agent;
  }

  async run(): Promise<ExchangeResult[]> {
    for (const step of this.#steps) {
      await this.#advance(step.atMs);
      this.#cloud.catchUp(this.#device, step.atMs, step.exchange);
      this.#cloud.begin(step.exchange);
      if (isOfCluster(step)) continue;
      if (isWatch(step.exchange)) this.#watches.add({ step, live: await openWatch(this.#request(step.exchange)) });
      else await this.#exchange(step);
      this.#cloud.answerReports(this.#device);
      this.#cloud.afterDelete(this.#device, step.exchange);
    }
    const last = Math.max(...this.#steps.map(({ atMs, endsMs = 0 }) => Math.max(atMs, Number.isFinite(endsMs) ? endsMs : 0)));
    await this.#advance(last + 1);
    for (const watch of [...this.#watches]) await this.#finish(watch);
    return this.#results;
  }

  /** Lets time pass; what the cloud sends and watches that end meanwhile come in their order. */
  async #advance(atMs: number): Promise<void> {
    const ends = [...this.#watches].filter(({ step }) => (step.endsMs ?? 0) <= atMs).map(({ step }) => step.endsMs ?? 0);
    const times = [...new Set([...this.#cloud.timesUpTo(atMs), ...ends, atMs])].sort((a, b) => a - b);
    for (const time of times) {
      this.#clock.advance(Math.max(0, time - this.#atMs));
      this.#atMs = Math.max(time, this.#atMs);
      this.#cloud.catchUp(this.#device, time);
      for (const watch of [...this.#watches]) if ((watch.step.endsMs ?? 0) <= time) await this.#finish(watch);
    }
  }

  async #exchange(step: Step): Promise<void> {
    const { exchange } = step;
    const request = this.#request(exchange);
    const live = WATCHED.test(request.path) ? await refusedWatch(request) : await exchangeOnce(request);
    const { status, headers, body } = exchange.response;
    this.#translation.learn(exchange, live);
    if (live.headers.etag !== undefined) this.#etags.set(exchange.request.path, live.headers.etag);
    this.#report(step, compareTold({ status, headers, body: contentOf(body) }, live));
  }

  async #finish({ step, live }: RunningWatch): Promise<void> {
    for (const watch of this.#watches) if (watch.step === step) this.#watches.delete(watch);
    const { status, headers, events = [] } = step.exchange.response;
    const recorded = events.map(({ line }) => line);
    const differences = (events: readonly unknown[]) =>
      compareTold({ status, headers, events: recorded }, { status: live.status, headers: live.headers, events });
    const isComplete = () => !differences(live.received()).some(({ where }) => where.startsWith('events.missing'));
    // The server has written it; what does not come is in the comparison.
    await until('the events of a watch', ARRIVAL_MS, undefined, async () => isComplete()).catch(() => {});
    live.hangUp();
    const told = await live.ended;
    this.#translation.learn(step.exchange, { events: told });
    this.#report(step, differences(told));
  }

  #report({ scenario, index, exchange }: Step, differences: readonly Difference[]): void {
    const { method, path } = exchange.request;
    this.#results.push({ scenario, index, request: `${method} ${path.slice(0, 160)}`, differences });
  }

  #request(exchange: Exchange): LiveRequest {
    const { as, method, path, headers } = exchange.request;
    const { nodeToken, token } = this.#device.access;
    const authorization = `Bearer ${as.startsWith(`system:node:${NODE}`) ? nodeToken : token}`;
    const etag = exchange.response.status === 304 ? this.#etags.get(path) : undefined;
    return {
      ...{ url: this.#device.url, agent: this.#agent, method, path: this.#translation.path(path) },
      headers: { ...headers, authorization, ...(etag === undefined ? {} : { 'if-none-match': etag }) },
      body: bodyOf(this.#translation.body(exchange)),
    };
  }
}

/** A watch that the recorded server refused. */
const WATCHED = /[?&]watch=true/;

/** One that is granted here would not end. */
async function refusedWatch(request: LiveRequest) {
  const { status, headers, ended, hangUp } = await openWatch(request);
  if (status === 200) hangUp();
  const [body] = await ended;
  return { status, headers, body };
}

/** What an administrator, or the recorder in one's name, did to the cluster beside a kubelet. */
function isOfCluster({ exchange, scenario }: Step): boolean {
  return scenario.startsWith('08-') && exchange.request.as.startsWith('kubernetes-admin') && exchange.request.method !== 'GET';
}

/** The recorded clock's, so that recorded times are as far away as they were. */
function beginningOf(steps: readonly Step[]): number {
  const times = JSON.stringify(steps.slice(0, 40).map(({ exchange }) => exchange.response.body)).match(/2026-11-2\dT[\d:]{8}Z/g);
  return Math.max(...(times ?? ['2026-11-23T14:10:00Z']).map((time) => Date.parse(time)));
}
