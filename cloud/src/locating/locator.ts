import { type ObjectKey, objectKey, parseObjectKey } from '@hawser/protocol';
import type { ClaimFacts, PodFacts, ServiceScope, VolumeFacts } from './facts.ts';
import { type NeedChange, NeedGraph } from './need-graph.ts';
import { isScoped, Scopes } from './scopes.ts';
import { Volumes } from './volumes.ts';

interface NodeRecord {
  readonly name: string;
  /** Undefined for what is no edge node: it needs nothing. */
  scope: ServiceScope | undefined;
  /** The pods bound to it and the VolumeAttachments to it, also before it is an edge node. */
  readonly roots: Set<ObjectKey>;
  /** Of an edge node: those of its pods. */
  readonly namespaces: Set<string>;
}

const NAMESPACES = 'namespaces//';

/**
 * Which edge node needs which key: its own Node; the pods bound to it, and what they lead to: Namespaces, ServiceAccounts,
 * ConfigMaps, Secrets, claims, their PersistentVolumes and the Secrets of those; the VolumeAttachments to it; and what
 * it needs by kind and namespace (`Scopes`).
 *
 * It knows keys and not objects, so an object may come before or after what leads to it, go, and come again. What it answers
 * depends on what is there and not on the order in which it came. Each call costs as much as what it changes, and
 * returns what nodes need now and did not before, and the other way round; members of scopes are told of only while they exist.
 */
export class Locator {
  readonly #graph = new NeedGraph();
  readonly #scopes = new Scopes();
  readonly #volumes = new Volumes();
  readonly #nodes = new Map<string, NodeRecord>();
  /** Where the pods and VolumeAttachments are. */
  readonly #places = new Map<ObjectKey, NodeRecord>();
  #edgeNodes = 0;

  /** @param scope undefined for what is no edge node */
  setNode(name: string, scope: ServiceScope | undefined): NeedChange[] {
    const record = this.#record(name);
    const changes: NeedChange[] = [];
    const wasEdge = record.scope !== undefined;
    const isChanged = record.scope !== scope;
    record.scope = scope;
    if (wasEdge !== (scope !== undefined)) {
      this.#edgeNodes += wasEdge ? -1 : 1;
      for (const root of [nodeKey(name), ...record.roots]) {
        if (wasEdge) this.#graph.removeRoot(name, root, changes);
        else this.#graph.addRoot(name, root, changes);
      }
    }
    this.#followNamespaces(changes);
    if (isChanged) changes.push(...this.#subscribe(record));
    this.#forgetIfEmpty(record);
    return changes;
  }

  /** A new pod, or one whose node or references may have changed. */
  setPod(pod: ObjectKey, { node, needs }: Pick<PodFacts, 'node' | 'needs'>): NeedChange[] {
    return this.#followed((changes) => {
      // It leaves its old node with what it led to there.
      if (this.#places.get(pod)?.name !== node) this.#place(pod, undefined, changes);
      this.#graph.setLinks(pod, needs, changes);
      this.#place(pod, node, changes);
    });
  }

  setClaim(claim: ObjectKey, facts: ClaimFacts): NeedChange[] {
    return this.#followed((changes) => this.#relink(this.#volumes.setClaim(claim, facts), changes));
  }

  setVolume(volume: ObjectKey, facts: VolumeFacts): NeedChange[] {
    return this.#followed((changes) => {
      this.#graph.setLinks(volume, facts.secrets, changes);
      this.#relink(this.#volumes.setVolume(volume, facts), changes);
    });
  }

  setAttachment(attachment: ObjectKey, node: string | undefined): NeedChange[] {
    return this.#followed((changes) => this.#place(attachment, node, changes));
  }

  /** An object whose key, and for EndpointSlices the Service that they are of, says who needs it. */
  setScoped(key: ObjectKey, service: string | undefined): NeedChange[] {
    return this.#scopes.add(key, service);
  }

  /** The object is gone. A Node is told of by `setNode`; of an object that leads to nothing there is nothing to forget. */
  remove(key: ObjectKey): NeedChange[] {
    if (isScoped(key)) return this.#scopes.remove(key);
    return this.#followed((changes) => {
      this.#place(key, undefined, changes);
      if (key.startsWith('persistentvolumeclaims/')) {
        this.#relink(this.#volumes.setClaim(key, { volume: undefined }), changes);
        return;
      }
      if (key.startsWith('persistentvolumes/')) this.#relink(this.#volumes.setVolume(key, undefined), changes);
      this.#graph.setLinks(key, [], changes);
    });
  }

  needs(node: string, key: ObjectKey): boolean {
    return isScoped(key) ? this.#scopes.needs(node, key) : this.#graph.needs(node, key);
  }

  isNeeded(key: ObjectKey): boolean {
    return isScoped(key) ? this.#scopes.isNeeded(key) : this.#graph.isNeeded(key);
  }

  /** Whether more than one node needs it. */
  isShared(key: ObjectKey): boolean {
    let count = 0;
    for (const _ of this.neededBy(key)) {
      count += 1;
      if (count > 1) return true;
    }
    return false;
  }

  /** Each node once. */
  neededBy(key: ObjectKey): Iterable<string> {
    return isScoped(key) ? this.#scopes.neededBy(key) : this.#graph.neededBy(key);
  }

  /** Of an edge node; nothing of any other. Of scopes those objects that exist. */
  *needsOf(node: string): Generator<ObjectKey> {
    yield* this.#graph.needsOf(node);
    yield* this.#scopes.needsOf(node);
  }

  needCount(node: string): number {
    return this.#graph.needCount(node) + this.#scopes.needCount(node);
  }

  /** What a pod needs in order to start; nothing of an unknown pod. */
  needsOfPod(pod: ObjectKey): readonly ObjectKey[] {
    return this.#graph.reachedFrom(pod);
  }

  get edgeNodes(): number {
    return this.#edgeNodes;
  }

  /** Entries that are kept, for tests: none is left when everything has gone. */
  get size(): number {
    return this.#graph.size + this.#scopes.size + this.#nodes.size + this.#places.size;
  }

  #followed(change: (changes: NeedChange[]) => void): NeedChange[] {
    const changes: NeedChange[] = [];
    change(changes);
    this.#followNamespaces(changes);
    return changes;
  }

  #place(key: ObjectKey, node: string | undefined, changes: NeedChange[]): void {
    const before = this.#places.get(key);
    if (before?.name === node) return;
    if (before !== undefined) {
      this.#places.delete(key);
      before.roots.delete(key);
      if (before.scope !== undefined) this.#graph.removeRoot(before.name, key, changes);
      this.#forgetIfEmpty(before);
    }
    if (node === undefined) return;
    const record = this.#record(node);
    this.#places.set(key, record);
    record.roots.add(key);
    if (record.scope !== undefined) this.#graph.addRoot(record.name, key, changes);
  }

  #relink(claims: readonly ObjectKey[], changes: NeedChange[]): void {
    for (const claim of claims) this.#graph.setLinks(claim, this.#volumes.ofClaim(claim), changes);
  }

  /** The Services that a node needs are those of the Namespaces that it needs. */
  #followNamespaces(changes: NeedChange[]): void {
    const concerned = new Set<NodeRecord>();
    for (const { key, node, needed } of changes) {
      if (!key.startsWith(NAMESPACES)) continue;
      const record = this.#record(node);
      const { name } = parseObjectKey(key);
      if (needed) record.namespaces.add(name);
      else record.namespaces.delete(name);
      concerned.add(record);
    }
    for (const record of concerned) changes.push(...this.#subscribe(record));
  }

  #subscribe({ name, scope, namespaces }: NodeRecord): NeedChange[] {
    return this.#scopes.subscribe(name, scope === undefined ? undefined : { services: scope, namespaces });
  }

  #record(name: string): NodeRecord {
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const record: NodeRecord = { name, scope: undefined, roots: new Set(), namespaces: new Set() };
    this.#nodes.set(name, record);
    return record;
  }

  #forgetIfEmpty(record: NodeRecord): void {
    if (record.scope === undefined && record.roots.size === 0) this.#nodes.delete(record.name);
  }
}

function nodeKey(name: string): ObjectKey {
  return objectKey('nodes', '', name);
}
