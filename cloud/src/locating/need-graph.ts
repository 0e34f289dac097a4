import type { ObjectKey } from '@hawser/protocol';

/** A node has begun or ceased to need a key, whether or not there is an object of that key. */
export interface NeedChange {
  readonly key: ObjectKey;
  readonly node: string;
  readonly needed: boolean;
}

/** A key, what it leads to, and who needs it. One for each key that is a root, that leads on, or that something leads to. */
interface Vertex {
  readonly key: ObjectKey;
  /** What whoever needs this key needs, too. */
  links: readonly Vertex[];
  /** Links to it, and nodes of which it is a root. */
  uses: number;
  /** Most keys are needed by one node, and a Set of one costs ten times as much as its member. */
  neededBy: NodeNeeds | Set<NodeNeeds> | undefined;
}

interface NodeNeeds {
  readonly name: string;
  /** How many of the node's roots and of its other keys lead to the key. Never an entry of 0. */
  readonly counts: Map<Vertex, number>;
}

const NO_LINKS: readonly Vertex[] = [];

/**
 * Which node needs which key, by counting: a node needs its roots and all that they lead to. Links may not form a circle.
 * What it answers depends on the roots and links that there are and not on the order in which they came. Each call costs as
 * much as what it changes; within one call a key that is needed before and after is never told as given up.
 *
 * Size: a key is kept once, however many pods name it; some 150 bytes for each, and some 40 for each link and each need of a node.
 */
export class NeedGraph {
  readonly #vertices = new Map<ObjectKey, Vertex>();
  readonly #nodes = new Map<string, NodeNeeds>();

  addRoot(node: string, key: ObjectKey, changes: NeedChange[]): void {
    let needs = this.#nodes.get(node);
    if (needs === undefined) {
      needs = { name: node, counts: new Map() };
      this.#nodes.set(node, needs);
    }
    const vertex = this.#use(key);
    this.#need(needs, vertex, changes);
  }

  /** It must have been added before. */
  removeRoot(node: string, key: ObjectKey, changes: NeedChange[]): void {
    const needs = this.#nodes.get(node);
    const vertex = this.#vertices.get(key);
    if (needs === undefined || vertex === undefined) return;
    this.#release(needs, vertex, changes);
    if (needs.counts.size === 0) this.#nodes.delete(node);
    this.#unuse(vertex);
  }

  /** From now on the key leads to these and to no others. */
  setLinks(from: ObjectKey, to: readonly ObjectKey[], changes: NeedChange[]): void {
    const vertex = this.#vertices.get(from) ?? this.#create(from);
    const before = vertex.links;
    // Most changes of a pod are of its status and concern nobody here.
    if (to.length !== before.length || before.some(({ key }, index) => key !== to[index])) {
      vertex.links = to.length === 0 ? NO_LINKS : to.map((key) => this.#use(key));
      for (const needs of nodesOf(vertex)) {
        for (const linked of vertex.links) this.#need(needs, linked, changes);
        for (const linked of before) this.#release(needs, linked, changes);
      }
      for (const linked of before) this.#unuse(linked);
    }
    this.#forgetIfUnused(vertex);
  }

  /** Each key that the key leads to, directly or not, once. */
  reachedFrom(key: ObjectKey): ObjectKey[] {
    const reached = new Set(this.#vertices.get(key)?.links);
    for (const vertex of reached) for (const linked of vertex.links) reached.add(linked);
    return Array.from(reached, (vertex) => vertex.key);
  }

  isNeeded(key: ObjectKey): boolean {
    return this.#vertices.get(key)?.neededBy !== undefined;
  }

  needs(node: string, key: ObjectKey): boolean {
    const vertex = this.#vertices.get(key);
    return vertex !== undefined && this.#nodes.get(node)?.counts.has(vertex) === true;
  }

  *neededBy(key: ObjectKey): Generator<string> {
    const vertex = this.#vertices.get(key);
    if (vertex !== undefined) for (const { name } of nodesOf(vertex)) yield name;
  }

  *needsOf(node: string): Generator<ObjectKey> {
    for (const { key } of this.#nodes.get(node)?.counts.keys() ?? []) yield key;
  }

  needCount(node: string): number {
    return this.#nodes.get(node)?.counts.size ?? 0;
  }

  /** Keys that it knows of: nothing is left when nothing is needed and nothing leads on. */
  get size(): number {
    return this.#vertices.size;
  }

  #need(node: NodeNeeds, vertex: Vertex, changes: NeedChange[]): void {
    const count = node.counts.get(vertex) ?? 0;
    node.counts.set(vertex, count + 1);
    if (count > 0) return;
    addNode(vertex, node);
    changes.push({ key: vertex.key, node: node.name, needed: true });
    for (const linked of vertex.links) this.#need(node, linked, changes);
  }

  #release(node: NodeNeeds, vertex: Vertex, changes: NeedChange[]): void {
    const count = node.counts.get(vertex) ?? 0;
    if (count > 1) {
      node.counts.set(vertex, count - 1);
      return;
    }
    node.counts.delete(vertex);
    removeNode(vertex, node);
    changes.push({ key: vertex.key, node: node.name, needed: false });
    for (const linked of vertex.links) this.#release(node, linked, changes);
  }

  #use(key: ObjectKey): Vertex {
    const vertex = this.#vertices.get(key) ?? this.#create(key);
    vertex.uses += 1;
    return vertex;
  }

  #unuse(vertex: Vertex): void {
    vertex.uses -= 1;
    this.#forgetIfUnused(vertex);
  }

  #create(key: ObjectKey): Vertex {
    const vertex: Vertex = { key, links: NO_LINKS, uses: 0, neededBy: undefined };
    this.#vertices.set(key, vertex);
    return vertex;
  }

  #forgetIfUnused(vertex: Vertex): void {
    if (vertex.uses === 0 && vertex.links.length === 0) this.#vertices.delete(vertex.key);
  }
}

function nodesOf({ neededBy }: Vertex): Iterable<NodeNeeds> {
  if (neededBy === undefined) return [];
  return neededBy instanceof Set ? neededBy : [neededBy];
}

function addNode(vertex: Vertex, node: NodeNeeds): void {
  if (vertex.neededBy === undefined) vertex.neededBy = node;
  else if (vertex.neededBy instanceof Set) vertex.neededBy.add(node);
  else vertex.neededBy = new Set([vertex.neededBy, node]);
}

function removeNode(vertex: Vertex, node: NodeNeeds): void {
  if (vertex.neededBy instanceof Set) {
    vertex.neededBy.delete(node);
    if (vertex.neededBy.size === 0) vertex.neededBy = undefined;
  } else vertex.neededBy = undefined;
}
