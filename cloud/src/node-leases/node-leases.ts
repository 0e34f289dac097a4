import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Downstream } from '../downstream/index.ts';
import type { Claimant, SessionClaims } from '../hub/index.ts';
import { monotonic } from '../monotonic.ts';
import type { NodeLinks } from '../replicas/index.ts';
import {
  type ApiCall,
  type CallCounts,
  callApi,
  type ImpersonationForm,
  LogBudget,
  type NodeApi,
  nodeUser,
} from '../upstream/index.ts';
import { leaseCall, linkedCall } from './calls.ts';
import { LinkedConditions, type LinkedWrite } from './linked.ts';
import { type Failing, type Outcome, outcomeOf } from './outcome.ts';
import { OwnLinks } from './own-links.ts';
import { type Renewal, type RenewalState, Renewals } from './renewals.ts';

/** The longest that nothing is looked at, in ms: timers of a machine that slept are late. */
const LONGEST_WAIT_MS = 1_000;

export interface NodeLeasesOptions {
  readonly api: NodeApi;
  readonly counts: CallCounts;
  /** Undefined until it is known: nothing is written before. */
  readonly form: () => ImpersonationForm | undefined;
  readonly downstream: Pick<Downstream, 'node' | 'onNodeState'>;
  /** What the replicas know of each other's sessions; undefined where this relay knows of no others. */
  readonly links: NodeLinks | undefined;
  readonly renewSeconds: number;
  readonly callsPerSecond: number;
  /** How long a link has been in a state before its Node says so. */
  readonly linkedAfterSeconds: number;
  readonly clock: Clock;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  /** Another one at each process. */
  readonly self: string;
  readonly logger: Logger;
  readonly metrics: NodeLeaseMetrics;
}

export interface NodeLeaseMetrics {
  leaseRenewal(outcome: Outcome['type']): void;
  linkedWrite(outcome: Outcome['type']): void;
}

export interface NodeLeaseCounts {
  readonly states: ReadonlyMap<RenewalState, number>;
  /** Since the last renewal of the node that has waited for longest. */
  readonly oldestSeconds: number;
  /** Nodes whose condition is to be written. */
  readonly linkedWaiting: number;
}

/** What the cluster sees of the links: node Leases that are renewed, and the condition hawser.dev/Linked. */
export interface NodeLeases extends SessionClaims {
  /** What an agent says of the kubelet beside it. */
  kubelet(session: Claimant, isAlive: boolean): void;
  /** The session is its node's for all replicas. Not called where there are no `links`. */
  claimed(session: Claimant): void;
  /** The node came to this replica from another one that lives. Called before `claimed`. */
  takenOver(node: string): void;
  /** What `links` says of the node may be another. */
  linkChanged(node: string): void;
  start(): void;
  /** Begins no more calls; those under way have a timeout of their own. */
  stop(): void;
  counts(): NodeLeaseCounts;
}

export function createNodeLeases(options: NodeLeasesOptions): NodeLeases {
  const { api, counts, form, downstream, clock, random, logger, metrics } = options;
  const nowMs = monotonic(clock);
  const own = new OwnLinks(nowMs);
  const links = options.links ?? own;
  const logs = { lease: new LogBudget(clock), condition: new LogBudget(clock) };
  const gateEvents = (what: string) => ({
    random,
    onFailing({ message }: Failing, failures: number, waitMs: number) {
      const isNews = failures === 1 || failures % 10 === 0;
      logger[isNews ? 'warn' : 'debug']({ detail: message, failures, waitMs }, `${what} not written`);
    },
    onRecovered: (failures: number) => logger.info({ failures }, `${what} are written again`),
  });
  const renewals = new Renewals({
    ...gateEvents('node leases'),
    renewMs: options.renewSeconds * 1000,
    callsPerSecond: options.callsPerSecond,
    isOurs: (session) => links.isOurs(session),
    uidOf: (node) => downstream.node(node).uid,
  });
  const linked = new LinkedConditions({
    ...gateEvents('node conditions'),
    afterMs: options.linkedAfterSeconds * 1000,
    links,
    node: (name) => downstream.node(name),
    self: options.self,
    startedAtMs: nowMs(),
  });

  let isRunning = false;
  let cancelTimer = () => {};
  let unsubscribe = () => {};
  let turn: NodeJS.Immediate | undefined;

  /** Once in a turn of the event loop, whatever has happened in it. */
  function wake(): void {
    if (isRunning) turn ??= setImmediate(run);
  }

  function run(): void {
    turn = undefined;
    cancelTimer();
    const now = nowMs();
    const known = form();
    if (known !== undefined) {
      for (let renewal = renewals.next(now); renewal !== undefined; renewal = renewals.next(now)) void renew(renewal, known);
      for (let write = linked.next(now); write !== undefined; write = linked.next(now)) void say(write, known);
    }
    const soonestMs = known === undefined ? Number.POSITIVE_INFINITY : Math.min(renewals.nextAtMs(), linked.nextAtMs());
    cancelTimer = clock.after(Math.ceil(Math.max(0, Math.min(LONGEST_WAIT_MS, soonestMs - now))), wake);
  }

  async function renew(renewal: Renewal, known: ImpersonationForm): Promise<void> {
    const outcome = await call(renewal.node, leaseCall(renewal, clock.now()), known);
    metrics.leaseRenewal(outcome.type);
    note(renewal.node, outcome, logs.lease, 'node lease refused');
    renewals.settled(renewal, outcome, nowMs());
    wake();
  }

  async function say(write: LinkedWrite, known: ImpersonationForm): Promise<void> {
    const { node, condition, agentVersion } = write;
    const since = condition === undefined ? undefined : new Date(clock.now().getTime() - (nowMs() - condition.sinceMs));
    const outcome = await call(node, linkedCall(write, since), known);
    metrics.linkedWrite(outcome.type);
    if (outcome.type === 'written') logger.info({ node, state: condition?.state, agentVersion }, 'link of a node said on it');
    note(node, outcome, logs.condition, 'node condition refused');
    linked.settled(write, outcome, nowMs());
    wake();
  }

  async function call(node: string, what: ApiCall, known: ImpersonationForm): Promise<Outcome> {
    return outcomeOf(await callApi({ api, clock, counts, logger }, what, nodeUser(node, known)));
  }

  /** A right that is missing is one for thousands of nodes: each kind of line has a budget of its own. */
  function note(node: string, outcome: Outcome, log: LogBudget, what: string): void {
    if (outcome.type !== 'refused') return;
    const line = log.take();
    if (line !== undefined) logger.warn({ node, detail: outcome.message, ...line }, what);
  }

  function linkChanged(node: string): void {
    linked.changed(node, nowMs());
    wake();
  }

  function claimed(session: Claimant): void {
    renewals.claimed(session, nowMs());
    wake();
  }

  return {
    opened(session) {
      renewals.opened(session);
      if (links !== own) return;
      own.opened(session);
      claimed(session);
      linkChanged(session.node);
    },
    ended(session) {
      renewals.ended(session);
      if (links !== own) return;
      own.ended(session);
      linkChanged(session.node);
    },
    kubelet(session, isAlive) {
      renewals.alive(session, isAlive, nowMs());
      wake();
    },
    claimed,
    takenOver: (node) => renewals.takenOver(node, nowMs()),
    linkChanged,
    start() {
      isRunning = true;
      unsubscribe = downstream.onNodeState((node) => {
        renewals.nodeChanged(node, nowMs());
        linkChanged(node);
      });
      wake();
    },
    stop() {
      isRunning = false;
      unsubscribe();
      clearImmediate(turn);
      cancelTimer();
    },
    counts() {
      const now = nowMs();
      return { states: renewals.states(now), oldestSeconds: renewals.oldestMs(now) / 1000, linkedWaiting: linked.waiting() };
    },
  };
}
