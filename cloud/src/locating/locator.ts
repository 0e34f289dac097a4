import { type ObjectKey, objectKey } from '@hawser/protocol';
import type { PodFacts } from './facts.ts';

/** A node has begun or ceased to need a key, whether or not there is an object of that key. */
export interface NeedChange {
  readonly key: ObjectKey;
  readonly node: string;
  readonly needed: boolean;
}

interface NodeRecord {
  isEdge: boolean;
  /** All pods bound to it, so that a node that becomes an edge node late finds them. */
  readonly pods: Set<ObjectKey>;
  /** Of an edge node: how many of its pods need the key. The node and each pod need themselves. Never an entry of 0. */
  readonly counts: Map<ObjectKey, number>;
}

const NOBODY: ReadonlySet<string> = new Set();

/**
 * Which edge node needs which key, counted both ways: a node needs its own Node, the pods bound to it, and their ConfigMaps
 * and Secrets. It knows keys and not objects, so an object may come before or after its pods, go, and come again. What it
 * answers depends on the nodes and pods that are there and not on the order in which they came. Each call costs as much as
 * what it changes. Its size is that of the pods' facts and of the edge nodes' keys.
 */
export class Locator {
  readonly #nodes = new Map<string, NodeRecord>();
  readonly #pods = new Map<ObjectKey, PodFacts>();
  readonly #neededBy = new Map<ObjectKey, Set<string>>();
  #edgeNodes = 0;

  setNode(name: string, isEdge: boolean): NeedChange[] {
    const record = this.#record(name);
    const changes: NeedChange[] = [];
    if (record.isEdge !== isEdge) {
      record.isEdge = isEdge;
      this.#edgeNodes += isEdge ? 1 : -1;
      for (const keys of [[nodeKey(name)], ...Array.from(record.pods, (pod) => this.#keysOf(pod))]) {
        if (isEdge) this.#add(name, record, keys, changes);
        else this.#remove(name, record, keys, changes);
      }
    }
    this.#forgetIfEmpty(name, record);
    return changes;
  }

  /** A new pod, or one whose node or references have changed. */
  setPod(pod: ObjectKey, facts: PodFacts): NeedChange[] {
    const before = this.#pods.get(pod);
    const keysBefore = this.#keysOf(pod);
    const changes: NeedChange[] = [];
    if (before !== undefined && sameFacts(before, facts)) return changes;
    this.#pods.set(pod, facts);
    // What is needed before and after is counted up and then down, and so never ceases to be needed in between.
    if (facts.node !== undefined) {
      const record = this.#record(facts.node);
      record.pods.add(pod);
      if (record.isEdge) this.#add(facts.node, record, this.#keysOf(pod), changes);
    }
    if (before?.node !== undefined) this.#unbind(pod, before.node, keysBefore, before.node === facts.node, changes);
    return changes;
  }

  removePod(pod: ObjectKey): NeedChange[] {
    const before = this.#pods.get(pod);
    const changes: NeedChange[] = [];
    if (before === undefined) return changes;
    if (before.node !== undefined) this.#unbind(pod, before.node, this.#keysOf(pod), false, changes);
    this.#pods.delete(pod);
    return changes;
  }

  neededBy(key: ObjectKey): ReadonlySet<string> {
    return this.#neededBy.get(key) ?? NOBODY;
  }

  isNeeded(key: ObjectKey): boolean {
    return this.#neededBy.has(key);
  }

  /** Of an edge node; nothing of any other. */
  needsOf(node: string): Iterable<ObjectKey> {
    return this.#nodes.get(node)?.counts.keys() ?? [];
  }

  needCount(node: string): number {
    return this.#nodes.get(node)?.counts.size ?? 0;
  }

  /** ConfigMaps and Secrets that a pod needs; nothing of an unknown pod. */
  needsOfPod(pod: ObjectKey): readonly ObjectKey[] {
    return this.#pods.get(pod)?.needs ?? [];
  }

  get edgeNodes(): number {
    return this.#edgeNodes;
  }

  #keysOf(pod: ObjectKey): readonly ObjectKey[] {
    return [pod, ...this.needsOfPod(pod)];
  }

  #unbind(pod: ObjectKey, node: string, keys: readonly ObjectKey[], stays: boolean, changes: NeedChange[]): void {
    const record = this.#record(node);
    if (record.isEdge) this.#remove(node, record, keys, changes);
    if (!stays) record.pods.delete(pod);
    this.#forgetIfEmpty(node, record);
  }

  #add(node: string, { counts }: NodeRecord, keys: readonly ObjectKey[], changes: NeedChange[]): void {
    for (const key of keys) {
      const count = counts.get(key) ?? 0;
      counts.set(key, count + 1);
      if (count > 0) continue;
      const nodes = this.#neededBy.get(key);
      if (nodes === undefined) this.#neededBy.set(key, new Set([node]));
      else nodes.add(node);
      changes.push({ key, node, needed: true });
    }
  }

  #remove(node: string, { counts }: NodeRecord, keys: readonly ObjectKey[], changes: NeedChange[]): void {
    for (const key of keys) {
      const count = counts.get(key) ?? 0;
      if (count > 1) {
        counts.set(key, count - 1);
        continue;
      }
      counts.delete(key);
      const nodes = this.#neededBy.get(key);
      nodes?.delete(node);
      if (nodes?.size === 0) this.#neededBy.delete(key);
      changes.push({ key, node, needed: false });
    }
  }

  #record(name: string): NodeRecord {
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const record: NodeRecord = { isEdge: false, pods: new Set(), counts: new Map() };
    this.#nodes.set(name, record);
    return record;
  }

  #forgetIfEmpty(name: string, record: NodeRecord): void {
    if (!record.isEdge && record.pods.size === 0) this.#nodes.delete(name);
  }
}

function nodeKey(name: string): ObjectKey {
  return objectKey('nodes', '', name);
}

/** Most changes of a pod are of its status and concern nobody here. */
function sameFacts(a: PodFacts, b: PodFacts): boolean {
  return a.node === b.node && a.needs.length === b.needs.length && a.needs.every((key, index) => key === b.needs[index]);
}
