import type { NodeState } from '../downstream/index.ts';
import { Backoff, type LinkState, type NodeLinks } from '../replicas/index.ts';
import { Agenda } from './agenda.ts';
import { CallGate, type CallGateOptions } from './call-gate.ts';
import type { Outcome } from './outcome.ts';
import { fractionOf } from './renewals.ts';

/** Writes of Nodes a second, at most: a relay that loses 5,000 nodes at once says so within two minutes. */
const LINKED_CALLS_PER_SECOND = 50;
const MOST_UNDER_WAY = 8;
/** What several replicas may say is said by the first, and read by the others meanwhile. */
const SHARED_WITHIN_MS = 10_000;
/** After a write of ours the watch brings it within this, and nothing is written to the same Node before. */
const ECHO_MS = 10_000;
/** A node that was linked when it was last written of, and of which nobody knows a link: so long after our start. */
const START_GRACE_MS = 60_000;
/** Between tries of a write that is refused, at most. */
const LONGEST_BACKOFF_MS = 300_000;

/** Status of the condition by the state of the link. */
export const LINKED_STATUS = { up: 'True', down: 'False', unknown: 'Unknown' } as const satisfies Record<LinkState, string>;

export interface LinkedOptions extends Omit<CallGateOptions, 'callsPerSecond' | 'mostUnderWay'> {
  /** How long a state has lasted before it is written. */
  readonly afterMs: number;
  readonly links: Pick<NodeLinks, 'link'>;
  /** As the relay's cache has it. */
  readonly node: (name: string) => NodeState;
  /** Another one at each replica. */
  readonly self: string;
  readonly startedAtMs: number;
}

/** One write of a Node's status that has begun; it is to be settled once. */
export interface LinkedWrite {
  readonly node: string;
  readonly uid: string;
  /** Undefined: the condition is right already. */
  readonly condition: { readonly state: LinkState; readonly sinceMs: number } | undefined;
  /** Undefined: the annotation is right already. */
  readonly agentVersion: string | undefined;
}

interface Trouble {
  readonly backoff: Backoff;
  fromMs: number;
}

/**
 * The condition `hawser.dev/Linked` of Nodes, and beside it the annotation with the agent's version: written once the link has been in a
 * state for a while, and only where the Node says something else. A link that comes back sooner changes no Node. Pure: what has
 * changed and the outcomes of calls go in, calls come out. One entry a node waits, whatever has happened to it meanwhile.
 */
export class LinkedConditions {
  readonly #options: LinkedOptions;
  readonly #gate: CallGate;
  readonly #agenda = new Agenda();
  readonly #busy = new Set<string>();
  /** Of nodes that were written lately, or could not be. */
  readonly #troubles = new Map<string, Trouble>();

  constructor(options: LinkedOptions) {
    this.#options = options;
    this.#gate = new CallGate({ ...options, callsPerSecond: LINKED_CALLS_PER_SECOND, mostUnderWay: MOST_UNDER_WAY });
  }

  /** Writes that wait for their time or their turn. */
  waiting(): number {
    return this.#agenda.size;
  }

  /** Something about the node's link, or the Node, is another. */
  changed(node: string, nowMs: number): void {
    if (this.#busy.has(node)) return;
    const wanted = this.#wanted(node, nowMs);
    if (wanted === undefined) {
      this.#agenda.drop(node);
      // A device may write the condition too: what it overwrites again and again is not for that written at its pace.
      if ((this.#troubles.get(node)?.fromMs ?? nowMs) <= nowMs) this.#troubles.delete(node);
    } else this.#agenda.put(node, Math.max(wanted.atMs, this.#troubles.get(node)?.fromMs ?? wanted.atMs));
  }

  next(nowMs: number): LinkedWrite | undefined {
    if (nowMs < this.#gate.nextAtMs()) return undefined;
    for (let first = this.#agenda.first(); first !== undefined && first.at <= nowMs; first = this.#agenda.first()) {
      const wanted = this.#wanted(first.name, nowMs);
      this.#agenda.drop(first.name);
      if (wanted === undefined || wanted.atMs > nowMs) {
        this.changed(first.name, nowMs);
        continue;
      }
      this.#busy.add(first.name);
      this.#gate.begun(nowMs);
      return wanted.write;
    }
    return undefined;
  }

  settled({ node }: LinkedWrite, outcome: Outcome, nowMs: number): void {
    this.#gate.settled(outcome.type === 'failing' ? outcome : undefined, nowMs);
    this.#busy.delete(node);
    if (outcome.type !== 'failing') {
      const trouble = this.#troubles.get(node) ?? { backoff: new Backoff(LONGEST_BACKOFF_MS), fromMs: nowMs };
      this.#troubles.set(node, trouble);
      trouble.fromMs = nowMs + ECHO_MS;
      if (outcome.type !== 'written') {
        trouble.backoff.failed(nowMs, this.#options.random());
        trouble.fromMs = Math.max(trouble.fromMs, trouble.backoff.nextAtMs());
      }
    }
    this.changed(node, nowMs);
  }

  nextAtMs(): number {
    return Math.max(this.#agenda.first()?.at ?? Number.POSITIVE_INFINITY, this.#gate.nextAtMs());
  }

  #wanted(node: string, nowMs: number): { readonly write: LinkedWrite; readonly atMs: number } | undefined {
    const { links, afterMs, startedAtMs, self } = this.#options;
    const { uid, linked, agentVersion } = this.#options.node(node);
    const said = links.link(node);
    if (uid === undefined || said === undefined) return undefined;
    const isForgotten = said === 'none' && linked === LINKED_STATUS.up;
    if (said === 'none' && !isForgotten) return undefined;
    const ageMs = said === 'none' ? nowMs - startedAtMs - START_GRACE_MS : said.ageMs;
    const link = said === 'none' ? ({ state: 'down', agentVersion: '', isShared: true } as const) : said;
    const { state } = link;
    const sinceMs = nowMs - ageMs;
    const isOtherState = linked !== LINKED_STATUS[state];
    const isOtherVersion = state === 'up' && link.agentVersion !== '' && link.agentVersion !== agentVersion;
    if (!isOtherState && !isOtherVersion) return undefined;
    const write: LinkedWrite = {
      node,
      uid,
      condition: isOtherState ? { state, sinceMs } : undefined,
      agentVersion: isOtherVersion ? link.agentVersion : undefined,
    };
    const shareMs = link.isShared ? fractionOf(`${self}/${node}`) * SHARED_WITHIN_MS : 0;
    return { write, atMs: sinceMs + afterMs + shareMs };
  }
}
