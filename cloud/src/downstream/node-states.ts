import type { Clock } from '../clock.ts';
import type { NodeFacts, ServiceScope } from '../locating/index.ts';
import type { NodeState } from './types.ts';

/**
 * What a session of a node may do.
 * - missing: there is no Node of that name
 * - edge: it carries the edge label
 * - grace: it does not, for less than the grace: what was sent stays and nothing is sent
 * - removing: it does not, for longer: the device is to be cleared
 */
export type NodeStanding = 'missing' | 'edge' | 'grace' | 'removing';

interface NodeRecord {
  uid: string | undefined;
  isLabelled: boolean;
  /** Which Services it needs. Undefined: it needs nothing at all, as it has been without its label for longer than the grace. */
  scope: ServiceScope | undefined;
  isGraceOver: boolean;
  linked: string | undefined;
  agentVersion: string | undefined;
}

/** What a change led to. */
export interface NodeChange {
  readonly node: string;
  /** As in the record. */
  readonly scope: ServiceScope | undefined;
  readonly scopeChanged: boolean;
  readonly standingChanged: boolean;
}

const MISSING: NodeState = { exists: false, uid: undefined, labelled: false, linked: undefined, agentVersion: undefined };

/**
 * Follows the Nodes, their edge label and their service scope. A Node that this relay has always seen without the label begins its grace when it is
 * first seen: the label may have been lost while no relay ran. Size: one small record per Node of the cluster.
 */
export class NodeStates {
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #onGraceOver: (change: NodeChange) => void;
  readonly #records = new Map<string, NodeRecord>();
  /** When each running grace began, in ms since the epoch, the oldest first: all last equally long, so one timer does. */
  readonly #graces = new Map<string, number>();
  #cancelTimer: (() => void) | undefined;

  constructor(clock: Clock, graceMs: number, onGraceOver: (change: NodeChange) => void) {
    this.#clock = clock;
    this.#graceMs = graceMs;
    this.#onGraceOver = onGraceOver;
  }

  set(node: string, uid: string, { labelled: isLabelled, serviceScope, linked, agentVersion }: NodeFacts): NodeChange {
    const before = this.#records.get(node);
    const standing = this.standing(node);
    const losesLabel = !isLabelled && (before === undefined || before.isLabelled || before.uid === undefined);
    const isGraceOver = !isLabelled && !losesLabel && (before?.isGraceOver ?? false);
    const scope = isLabelled || before?.scope !== undefined ? serviceScope : undefined;
    this.#records.set(node, { uid, isLabelled, scope, isGraceOver, linked, agentVersion });
    if (isLabelled) this.#graces.delete(node);
    if (losesLabel) this.#beginGrace(node);
    return this.#change(node, before?.scope, standing);
  }

  /** The Node is gone. Should it come back soon with its label, nothing has to be fetched again. */
  remove(node: string): NodeChange {
    const before = this.#records.get(node);
    const standing = this.standing(node);
    if (before !== undefined) {
      this.#records.set(node, { ...before, uid: undefined, isLabelled: false, isGraceOver: false });
      this.#beginGrace(node);
    }
    return this.#change(node, before?.scope, standing);
  }

  state(node: string): NodeState {
    const record = this.#records.get(node);
    if (record?.uid === undefined) return MISSING;
    const { uid, isLabelled, linked, agentVersion } = record;
    return { exists: true, uid, labelled: isLabelled, linked, agentVersion };
  }

  standing(node: string): NodeStanding {
    const record = this.#records.get(node);
    if (record?.uid === undefined) return 'missing';
    if (record.isLabelled) return 'edge';
    return record.isGraceOver ? 'removing' : 'grace';
  }

  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #beginGrace(node: string): void {
    this.#graces.delete(node);
    this.#graces.set(node, this.#clock.now().getTime());
    if (this.#cancelTimer === undefined) this.#arm(this.#graceMs);
  }

  #arm(milliseconds: number): void {
    this.#cancelTimer = this.#clock.after(milliseconds, () => {
      this.#cancelTimer = undefined;
      this.#endGraces();
    });
  }

  #endGraces(): void {
    const now = this.#clock.now().getTime();
    // Set back, the clock would not be there again for as long: those begin anew.
    for (const [node, since] of this.#graces) if (since > now) this.#graces.set(node, now);
    for (const [node, since] of this.#graces) {
      const rest = since + this.#graceMs - now;
      if (rest > 0) {
        this.#arm(rest);
        return;
      }
      this.#graces.delete(node);
      this.#endGrace(node);
    }
  }

  #endGrace(node: string): void {
    const record = this.#records.get(node);
    if (record === undefined) return;
    const standing = this.standing(node);
    if (record.uid === undefined) this.#records.delete(node);
    else this.#records.set(node, { ...record, scope: undefined, isGraceOver: true });
    this.#onGraceOver(this.#change(node, record.scope, standing));
  }

  #change(node: string, before: ServiceScope | undefined, standing: NodeStanding): NodeChange {
    const scope = this.#records.get(node)?.scope;
    return { node, scope, scopeChanged: scope !== before, standingChanged: this.standing(node) !== standing };
  }
}
