import assert from 'node:assert/strict';
import {
  createDownstream,
  type Downstream,
  type DownstreamLimits,
  Epochs,
  FrameBudgets,
  Link,
  type LinkContext,
  type Observed,
  Receiving,
  type ReflectorStatus,
  Sessions,
  WATCHED,
} from '@hawser/cloud';
import { compareResourceVersions, HawserError, type ObjectKey, type Report, type ReportOutcome } from '@hawser/protocol';
import type { Logger } from 'pino';
import { ProcessClock, type SimulatedClock } from './clock.ts';
import type { Cluster } from './cluster.ts';
import type { Connection } from './connection.ts';
import { performReport } from './node-writes.ts';
import { observedOf, SimulatedReflector } from './reflector.ts';

/** Small, so that every bound is met with a handful of objects. */
/** Simulated devices ask nothing: queries change nothing of what is modelled. */
const NO_QUERIES: LinkContext<Link>['queries'] = {
  open: () => ({
    ask: () => {
      throw new HawserError('unsupported', 'the model has no queries');
    },
    cancel: () => undefined,
    outstanding: () => 0,
    close: () => undefined,
  }),
};

export const RELAY_LIMITS: DownstreamLimits & { readonly reportsPerSession: number } = {
  windowBatches: 2,
  windowBytes: 1_500,
  batchBytes: 900,
  batchOperations: 4,
  labelGraceMs: 5 * 60_000,
  answerMs: 300_000,
  bodyWaitMs: 10_000,
  inventoryIntervalMs: 10_000,
  inventoryEntries: 500,
  sessionNumbers: 20,
  encodedBytes: 4_000,
  supersededBytes: 6_000,
  rememberedEntries: 40,
  reportsPerSession: 4,
};

const LINK_LIMITS = { framesPerSecond: 500, handshakeSeconds: 10, pingSeconds: 8, bufferedBytes: 64 * 1024 };

/** Within so long agents come back into a new epoch, in ms. */
const RETURN_MS = 5_000;

/** A report at the API server, whose answer goes to the link that brought it. */
interface Lane {
  readonly node: string;
  readonly reports: Report[];
  readonly answer: (number: number, outcome: ReportOutcome) => void;
  readonly room: () => void;
  isOpen: boolean;
  /** Reports that the API server has taken and not answered. */
  underWay: number;
}

type BodyAnswer = Observed | { readonly notFound: ObjectKey };

export interface RelayOptions {
  readonly name: string;
  readonly cluster: Cluster;
  readonly clock: SimulatedClock;
  readonly logger: Logger;
  /** At least 0, below 1. */
  readonly random: () => number;
}

/** No device is kept out, and none is renewed. */
const NO_TRUST: ConstructorParameters<typeof Link>[3]['trust'] = {
  devices: {
    verdict: () => ({ type: 'admitted', as: 'unknown' }),
    lookAgain: async () => {},
    linked: () => {},
    onChange: () => () => {},
  },
  renew: async () => ({ type: 'unavailable', retryAfterMs: 3_600_000, message: 'the model issues no certificates' }),
  authorities: { current: () => undefined, onChange: () => () => {} },
};
/** No agent asks for them. */
const NO_KEYS: ConstructorParameters<typeof Link>[3]['clusterKeys'] = {
  wanted: () => undefined,
  current: () => undefined,
  onChange: () => () => undefined,
};

const NO_DEVICE = {
  key: `sha256:${'0'.repeat(64)}`,
  issuedAt: new Date(0),
  remote: 'model',
  certificate: () => undefined,
  clockOffsetMs: undefined,
} as const;

/** One relay process, from its start to its death: the product's downstream, sessions and links over simulated streams and sockets. */
export class SimulatedRelay {
  readonly name: string;
  readonly cluster: Cluster;
  readonly downstream: Downstream;
  readonly sessions: Sessions;
  readonly reflectors: readonly SimulatedReflector[];
  readonly clock: ProcessClock;
  /** Every link that was accepted and has not ended. */
  readonly links = new Map<Link, Connection>();
  /** Bodies that were asked for and not read yet. */
  readonly wishes: ObjectKey[] = [];
  /** Read at the API server, and on their way here. */
  readonly bodies: BodyAnswer[] = [];
  /** Why this relay is behind an agent: what the API server has still to be asked. */
  readonly questions: { readonly node: string; readonly ahead: ReadonlyMap<string, string> }[] = [];
  /** What waits for a turn of the event loop. */
  readonly turns: (() => void)[] = [];
  readonly lanes: Lane[] = [];
  /** What the API server has done or refused to do, and what it says of it: on the way back. */
  readonly #answers: { readonly lane: Lane; readonly number: number; readonly outcome: ReportOutcome }[] = [];
  readonly epochs: Epochs;
  readonly #context: LinkContext<Link>;
  /** The cluster's changes when everything had come in; -1 before that. */
  #restsAt = -1;
  #isDead = false;

  constructor({ name, cluster, clock, logger, random }: RelayOptions) {
    this.name = name;
    this.cluster = cluster;
    this.clock = new ProcessClock(clock);
    this.epochs = new Epochs({ clock: this.clock, logger, onBegin: (epoch, detail) => this.#beginEpoch(epoch, detail, random) });
    this.downstream = createDownstream({
      epoch: () => this.epochs.current,
      onBehind: (node, ahead) => void this.questions.push({ node, ahead }),
      listAgain: (resource) => this.#reflector(resource).listAnew(() => this.downstream.listedAgain(resource)),
      logger,
      clock: this.clock,
      limits: RELAY_LIMITS,
      requestBody: (key) => {
        if (this.wishes.includes(key)) throw new Error(`${key} was asked for twice`);
        this.wishes.push(key);
      },
    });
    this.sessions = new Sessions(logger);
    this.reflectors = WATCHED.map(
      ({ resource }) =>
        new SimulatedReflector({
          resource,
          cluster,
          logger,
          wantsText: (key) => this.downstream.wantsText(key),
          emit: (change) => this.downstream.apply(change),
          onStatus: () => this.downstream.setSynced(this.statuses()),
          onRestored: (detail) => void this.epochs.restored({ type: 'reflector' }, detail),
          clock,
        }),
    );
    this.#context = {
      downstream: this.downstream,
      reports: { open: (node, answer, room) => this.#openLane(node, answer, room) },
      queries: NO_QUERIES,
      epochs: this.epochs,
      trust: NO_TRUST,
      clusterKeys: NO_KEYS,
      limits: LINK_LIMITS,
      budgets: new FrameBudgets(LINK_LIMITS.framesPerSecond, this.clock),
      receiving: new Receiving(Number.POSITIVE_INFINITY),
      clock: this.clock,
      turns: { add: (work) => void this.turns.push(work) },
      metrics: NO_METRICS,
      logger,
      onKubelet: () => {},
      onAccepted: (link) => this.sessions.take(link),
      onLive: () => undefined,
      onEnded: (link, stats) => {
        this.links.delete(link);
        this.sessions.drop(link, stats);
      },
    };
  }

  get hasSynced(): boolean {
    return this.reflectors.every(({ hasSynced }) => hasSynced);
  }

  accept(connection: Connection, node: string): Link {
    const socket = connection.accept();
    const identity = { relayVersion: 'model', clusterUid: this.cluster.uid };
    const link = new Link(socket, { ...NO_DEVICE, node, bytesRead: () => socket.bytesRead }, identity, this.#context);
    this.links.set(link, connection);
    return link;
  }

  /** One turn of the event loop. */
  turn(): boolean {
    const work = this.turns.shift();
    work?.();
    return work !== undefined;
  }

  /** The API server answers one wish; the answer is still on its way. */
  readBody(): boolean {
    const key = this.wishes.shift();
    if (key === undefined) return false;
    const object = this.cluster.objects.get(key);
    this.bodies.push(object === undefined ? { notFound: key } : observedOf(object, true));
    return true;
  }

  takeBody(): boolean {
    const answer = this.bodies.shift();
    if (answer !== undefined) this.downstream.provideBody(answer);
    return answer !== undefined;
  }

  /**
   * The API server says how far it is, as the product's `AheadChecks` asks it: at or past what the agent holds, then the watch lags and
   * the resource is listed anew; before it, then it was restored.
   */
  answerQuestion(): boolean {
    const question = this.questions.shift();
    for (const [resource, held] of question?.ahead ?? []) {
      if (compareResourceVersions(held, String(this.cluster.revision)) <= 0) this.#reflector(resource).listAnew(() => undefined);
      else this.epochs.restored({ type: 'agent', node: question?.node ?? '' }, `${resource} are held of ${held}`);
    }
    return question !== undefined;
  }

  /** The API server takes one report; its answer is still on its way. @param isAvailable false: it answers that it has no time now */
  performReport(isAvailable: boolean): boolean {
    const lane = this.lanes.find(({ reports }) => reports.length > 0);
    const report = lane?.reports.shift();
    if (lane === undefined || report === undefined) return false;
    const outcome: ReportOutcome = isAvailable
      ? performReport(this.cluster, report)
      : { type: 'unavailable', retryAfterMs: 0, message: 'simulated 503' };
    lane.underWay += 1;
    this.#answers.push({ lane, number: report.number, outcome });
    return true;
  }

  /** One answer of the API server arrives, in any order, and goes on to the agent. @param at of those that are on their way */
  answerReport(at = 0): boolean {
    const [found] = this.#answers.splice(at % Math.max(1, this.#answers.length), 1);
    if (found === undefined) return false;
    const { lane, number, outcome } = found;
    const wasFull = isFull(lane);
    lane.underWay -= 1;
    if (!lane.isOpen) return true;
    lane.answer(number, outcome);
    if (wasFull && !isFull(lane)) lane.room();
    return true;
  }

  /** Everything that the API server has comes in. @param withBodies also single objects that were asked for */
  catchUp(withBodies = true): void {
    const isAtRest = this.#restsAt === this.cluster.changes && (!withBodies || this.wishes.length + this.bodies.length === 0);
    if (isAtRest && this.reflectors.every(({ isAtRest }) => isAtRest)) return;
    for (let isBusy = true; isBusy; ) {
      for (const reflector of this.reflectors) reflector.catchUp();
      isBusy = withBodies && (this.readBody() || this.takeBody());
    }
    this.#restsAt = this.cluster.changes;
  }

  /** Ends as the relay does on SIGTERM: no more links, goodbye to all. */
  stop(): void {
    for (const link of [...this.links.keys()]) {
      link.end({ close: 'goingAway', goodbye: 'shuttingDown', detail: 'the relay is stopping', retryAfterMs: 0 });
    }
    this.downstream.close();
  }

  /** The process is gone, without a word. */
  kill(): void {
    this.#isDead = true;
    this.clock.kill();
    for (const connection of this.links.values()) connection.relayDied();
    this.links.clear();
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  statuses(): readonly ReflectorStatus[] {
    return this.reflectors.map(({ status }) => status);
  }

  /** As the product's relay does it, with the hub, downstream and all reflectors. */
  #beginEpoch(epoch: number, detail: string, random: () => number): void {
    for (const link of this.sessions.all()) {
      const retryAfterMs = Math.round(random() * RETURN_MS);
      link.end({ close: 'newEpoch', goodbye: 'newEpoch', detail, retryAfterMs });
    }
    this.downstream.beginEpoch();
    let left = this.reflectors.length;
    for (const reflector of this.reflectors) {
      reflector.beginEpoch(detail, () => {
        left -= 1;
        if (left === 0) this.epochs.listedAnew(epoch);
      });
    }
  }

  #reflector(resource: string): SimulatedReflector {
    const found = this.reflectors.find((reflector) => reflector.resource === resource);
    if (found === undefined) throw new Error(`nobody reflects ${resource}`);
    return found;
  }

  #openLane(node: string, answer: Lane['answer'], room: () => void) {
    const lane: Lane = { node, reports: [], answer, room, isOpen: true, underWay: 0 };
    this.lanes.push(lane);
    return {
      push: (report: Report) => void lane.reports.push(report),
      isFull: () => isFull(lane),
      outstanding: () => lane.reports.length + lane.underWay,
      close: () => {
        lane.isOpen = false;
        this.lanes.splice(this.lanes.indexOf(lane), 1);
      },
    };
  }
}

function isFull({ reports, underWay }: Lane): boolean {
  return reports.length + underWay >= RELAY_LIMITS.reportsPerSession;
}

const NO_METRICS: LinkContext<Link>['metrics'] = {
  sessionOpened: () => undefined,
  sessionEnded: () => undefined,
  sessionDrained: () => undefined,
  received: () => undefined,
  sent: () => undefined,
  malformedFrame: () => undefined,
  nack: () => undefined,
  // Agents of ours never come to it, whatever happens.
  boundReached: (bound) => assert.notEqual(bound, 'limits.framesPerSecond'),
};
