import { compareResourceVersions, HawserError, type ObjectKey, parseObjectKey } from '@hawser/protocol';
import { FIRST_EPOCH } from '../epoch/epochs.ts';
import {
  EDGE_LABEL,
  isLocatedByText,
  Locator,
  locate,
  type NeedChange,
  nodeFacts,
  SERVICE_SCOPE_ANNOTATION,
} from '../locating/index.ts';
import type { Change, Delete, Observed, ReflectorStatus } from '../merge/change.ts';
import { EncodedBodies, ObjectStore, resourceOf, SupersededBodies } from '../store/index.ts';
import { BehindSessions } from './behind-sessions.ts';
import { DEFAULT_DOWNSTREAM_LIMITS, type DownstreamLimits } from './limits.ts';
import { LinkSession } from './link-session.ts';
import { MissingBodies } from './missing-bodies.ts';
import { type NodeChange, NodeStates } from './node-states.ts';
import { RememberedSets } from './remembered-sets.ts';
import { SecondLists } from './second-lists.ts';
import type { Desired, Gate, SessionView } from './session-view.ts';
import { SyncStatus, WATCHED_RESOURCES } from './sync-status.ts';
import type { Downstream, DownstreamOptions, DownstreamStats, NodeState, ReadForNode, Session } from './types.ts';

const WATCHED: ReadonlySet<string> = new Set(WATCHED_RESOURCES);

export function createDownstream(options: DownstreamOptions): Downstream {
  return new DownstreamCore(options);
}

/** Each change costs as much as the nodes and keys that it concerns, never as much as there are. */
class DownstreamCore implements Downstream {
  readonly #options: DownstreamOptions;
  readonly #limits: DownstreamLimits;
  readonly #encoded: EncodedBodies;
  readonly #superseded: SupersededBodies;
  readonly #store: ObjectStore;
  readonly #locator = new Locator();
  readonly #nodes: NodeStates;
  readonly #missing: MissingBodies;
  readonly #sync = new SyncStatus();
  readonly #secondLists: SecondLists;
  readonly #sessions = new Map<string, LinkSession>();
  /** What a fetch brought before the watch did: few, and for a moment. */
  readonly #fetched = new Set<ObjectKey>();
  readonly #remembered: RememberedSets;
  readonly #behind: BehindSessions<LinkSession>;
  readonly #listeners = new Set<(name: string, state: NodeState) => void>();
  #held: string | undefined;
  #malformed = 0;
  #ignored = 0;

  constructor(options: DownstreamOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_DOWNSTREAM_LIMITS, ...options.limits };
    this.#behind = new BehindSessions(options.clock, (session) => options.onBehind?.(session.node, session.aheadVersions()));
    this.#remembered = new RememberedSets(this.#limits.rememberedEntries);
    this.#secondLists = new SecondLists(options.listAgain);
    const encoded = new EncodedBodies(this.#limits.encodedBytes);
    this.#encoded = encoded;
    const superseded = new SupersededBodies(this.#limits.supersededBytes);
    this.#superseded = superseded;
    this.#store = new ObjectStore((body, isObjectGone) => {
      encoded.forget(body);
      // No later object has that uid, which is part of each body: nothing follows from it as a base.
      if (!isObjectGone) superseded.add(body);
    });
    this.#nodes = new NodeStates(options.clock, this.#limits.labelGraceMs, (change) => this.#followNode(change));
    this.#missing = new MissingBodies(options.clock, options.requestBody, (key) => {
      const entry = this.#store.get(key);
      return entry?.body === 'none' && this.#locator.isNeeded(key) ? entry : undefined;
    });
  }

  apply(change: Change): void {
    if (change.type === 'delete') this.#delete(change);
    else this.#upsert(change.object, false);
  }

  setSynced(statuses: readonly ReflectorStatus[]): void {
    const wasSynced = this.#sync.isSynced;
    const detail = this.#sync.detail;
    this.#sync.set(statuses);
    const gatesChanged = wasSynced !== this.#sync.isSynced || detail !== this.#sync.detail;
    if (gatesChanged) for (const session of this.#sessions.values()) session.gateChanged();
    this.#checkFetched();
    for (const session of this.#behind) session.recheckAhead();
  }

  listedAgain(resource: string): void {
    this.#secondLists.made(resource);
    for (const session of this.#sessions.values()) session.recheckDeletes();
  }

  hold(why: string | undefined): void {
    this.#held = why;
    for (const session of this.#sessions.values()) session.gateChanged();
  }

  beginEpoch(): void {
    this.#store.beginEpoch();
    this.#missing.restart();
  }

  provideBody(answer: Observed | { readonly notFound: ObjectKey }): void {
    const key = 'notFound' in answer ? answer.notFound : answer.key;
    if (!this.#missing.answered(key)) return;
    const entry = this.#store.get(key);
    if (entry?.body !== 'none' || !this.#locator.isNeeded(key)) return;
    if ('notFound' in answer) {
      if (entry.isOrphaned) {
        this.#delete({ type: 'delete', key, uid: entry.uid, resourceVersion: entry.resourceVersion });
      } else {
        this.#store.markGone(key);
        this.#markEverywhere(key);
      }
      return;
    }
    const age = compareResourceVersions(answer.resourceVersion, entry.resourceVersion);
    if (age < 0) this.#missing.requestLater(key);
    else this.#upsert(answer, entry.isFetched || age > 0);
  }

  open(node: string, wake: () => void): Session {
    this.#sessions.get(node)?.close();
    const session = new LinkSession({
      node,
      view: this.#viewOf(node),
      limits: this.#limits,
      clock: this.#options.clock,
      logger: this.#options.logger,
      wake,
      remembered: this.#remembered,
      onRefused: (refusal) => this.#options.onRefused?.(refusal),
      onDelivered: (milliseconds) => this.#options.onDelivered?.(milliseconds),
      onAhead: (behind, isAhead) => this.#behind.note(behind, isAhead),
      onClose: (closed) => {
        this.#behind.delete(closed);
        if (this.#sessions.get(node) === closed) this.#sessions.delete(node);
      },
    });
    this.#sessions.set(node, session);
    return session;
  }

  wantsText(key: ObjectKey): boolean {
    return isLocatedByText(key) || this.#locator.isNeeded(key);
  }

  node(name: string): NodeState {
    return this.#nodes.state(name);
  }

  read(node: string, key: ObjectKey): ReadForNode {
    const detail = this.notSynced();
    if (detail !== undefined) return { state: 'unavailable', detail };
    if (this.#gateOf(node).state !== 'open' || !this.#locator.needs(node, key)) return { state: 'outside' };
    const body = this.#store.get(key)?.body;
    if (body === undefined || body === 'gone') return { state: 'absent' };
    if (typeof body === 'object') return { state: 'found', text: body.text, version: body.version };
    return {
      state: 'unavailable',
      detail: body === 'none' ? 'the relay is reading the object' : 'the relay cannot read the object',
    };
  }

  *bodiesFor(node: string, resources: ReadonlySet<string>): Generator<string> {
    for (const key of this.#locator.needsOf(node)) {
      if (!resources.has(resourceOf(key))) continue;
      const body = this.#store.get(key)?.body;
      if (typeof body === 'object') yield body.text;
    }
  }

  notSynced(): string | undefined {
    return this.#held ?? (this.#sync.isSynced ? undefined : this.#sync.detail);
  }

  body(key: ObjectKey) {
    const body = this.#store.get(key)?.body;
    return typeof body === 'object' ? body : undefined;
  }

  *podsOf(node: string): Generator<ObjectKey> {
    for (const key of this.#locator.needsOf(node)) if (resourceOf(key) === 'pods') yield key;
  }

  neededBy(key: ObjectKey): Iterable<string> {
    return this.#locator.neededBy(key);
  }

  hasSession(node: string): boolean {
    return this.#sessions.has(node);
  }

  onNodeState(listener: (name: string, state: NodeState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stats(): DownstreamStats {
    return {
      ...this.#store.stats(),
      missingBodies: this.#missing.size,
      encodedBytes: this.#encoded.bytes,
      encodings: this.#encoded.encodings,
      supersededBytes: this.#superseded.bytes,
      rememberedEntries: this.#remembered.entries,
      edgeNodes: this.#locator.edgeNodes,
      sessions: this.#sessions.size,
      malformed: this.#malformed,
      ignored: this.#ignored,
    };
  }

  close(): void {
    for (const session of [...this.#sessions.values()]) session.close();
    this.#nodes.close();
    this.#missing.close();
  }

  #upsert(object: Observed, isFetched: boolean): void {
    const { key } = object;
    if (!this.#isNews(object, isFetched)) {
      this.#ignored += 1;
      if (!isFetched) this.#confirm(object);
      return;
    }
    const before = this.#nodeStateOf(key);
    const located = this.#readable(key, () => this.#locate(object));
    if (located === undefined) return;
    this.#readable(key, () => this.#store.put(object, this.#locator.isNeeded(key), isFetched));
    if (isFetched) this.#fetched.add(key);
    // It became needed after it had been read without its text.
    if (this.#store.get(key)?.body === 'none' && this.#locator.isNeeded(key)) this.#missing.request(key);
    this.#follow(located.needs);
    this.#markEverywhere(key);
    if (located.node !== undefined) this.#followNode(located.node);
    this.#tellNodeState(key, before);
  }

  #delete({ key, uid }: Delete): void {
    const before = this.#nodeStateOf(key);
    // An older object's delete is none of its successor's business.
    if (!this.#store.remove(key, uid)) {
      this.#ignored += 1;
      return;
    }
    this.#markEverywhere(key);
    if (resourceOf(key) === 'nodes') this.#followNode(this.#nodes.remove(parseObjectKey(key).name));
    else this.#follow(this.#locator.remove(key));
    this.#tellNodeState(key, before);
  }

  /** A fetch was faster than the watch, which now has brought the same. */
  #confirm({ key, uid, resourceVersion }: Observed): void {
    const known = this.#store.get(key);
    if (known?.uid === uid && known.resourceVersion === resourceVersion) this.#store.confirm(key);
  }

  /** What was fetched ahead of the watch, and what the watch is past without having brought it, is asked for again. */
  #checkFetched(): void {
    for (const key of this.#fetched) {
      const entry = this.#store.get(key);
      if (entry?.isFetched) {
        const isOlder = this.#store.isOfOlderEpoch(entry);
        if (isOlder ? !this.#sync.isSynced : !this.#sync.hasReached(key, entry.resourceVersion)) continue;
        this.#store.orphan(key);
        this.#missing.request(key);
      }
      this.#fetched.delete(key);
    }
  }

  /** What merge emits is news, except where a fetch was faster than the watch. */
  #isNews({ key, uid, resourceVersion }: Observed, isFetched: boolean): boolean {
    const known = this.#store.get(key);
    if (known === undefined) return true;
    if (this.#store.isOfOlderEpoch(known)) return true;
    const age = compareResourceVersions(resourceVersion, known.resourceVersion);
    // What the watch was past already, a list contradicts with good reason.
    const isAheadOfWatch = known.isFetched && !this.#sync.hasReached(key, known.resourceVersion);
    if (isAheadOfWatch && !isFetched && age < 0) return false;
    return known.uid !== uid || age !== 0 || (known.body === 'none' && this.#locator.isNeeded(key));
  }

  #locate({ key, uid, text }: Observed): { needs: NeedChange[]; node: NodeChange | undefined } {
    if (text === undefined && isLocatedByText(key)) {
      throw new HawserError('malformed_object', 'an object that others follow from came without its text');
    }
    if (resourceOf(key) === 'nodes') {
      const node = this.#nodes.set(parseObjectKey(key).name, uid, nodeFacts(text ?? ''));
      return { needs: this.#locator.setNode(node.node, node.scope), node };
    }
    const { changes, truncated } = locate(this.#locator, key, text ?? '');
    if (truncated) this.#options.logger.warn({ key }, 'pod names too many objects, not all are located');
    return { needs: changes, node: undefined };
  }

  #follow(changes: readonly NeedChange[]): void {
    for (const { key, node } of changes) {
      if (!this.#locator.isNeeded(key)) this.#store.dropBody(key);
      else if (this.#store.get(key)?.body === 'none') this.#missing.request(key);
      this.#sessions.get(node)?.mark(key);
    }
  }

  #followNode({ node, scope, scopeChanged, standingChanged }: NodeChange): void {
    if (scopeChanged) this.#follow(this.#locator.setNode(node, scope));
    if (scopeChanged && scope === 'unknown') {
      this.#options.logger.warn({ node, annotation: SERVICE_SCOPE_ANNOTATION }, 'service scope unknown, taken for the default');
    }
    if (standingChanged) this.#sessions.get(node)?.gateChanged();
  }

  #markEverywhere(key: ObjectKey): void {
    for (const node of this.#locator.neededBy(key)) this.#sessions.get(node)?.mark(key);
  }

  /** The message names the object and no part of its text; the cause may quote it and is left out. */
  #readable<T>(key: ObjectKey, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof HawserError)) throw error;
      this.#malformed += 1;
      this.#options.logger.warn({ key, code: error.code, reason: error.message }, 'object passed over');
      return undefined;
    }
  }

  #nodeStateOf(key: ObjectKey): NodeState | undefined {
    return resourceOf(key) === 'nodes' ? this.#nodes.state(parseObjectKey(key).name) : undefined;
  }

  #tellNodeState(key: ObjectKey, before: NodeState | undefined): void {
    if (before === undefined) return;
    const { name } = parseObjectKey(key);
    const after = this.#nodes.state(name);
    const isSame = after.uid === before.uid && after.labelled === before.labelled;
    if (isSame && after.linked === before.linked && after.agentVersion === before.agentVersion) return;
    for (const listener of this.#listeners) listener(name, after);
  }

  #viewOf(node: string): SessionView {
    return {
      isConfirmed: (resources) => this.#secondLists.have(resources),
      epoch: () => this.#options.epoch?.() ?? FIRST_EPOCH,
      gate: () => this.#gateOf(node),
      desired: (key) => this.#desired(node, key),
      needs: () => this.#locator.needsOf(node),
      needCount: () => this.#locator.needCount(node),
      needsOfPod: (pod) => this.#locator.needsOfPod(pod),
      hasReached: (key, resourceVersion) => this.#hasReached(key, resourceVersion),
      base: (uid, hash) => this.#superseded.get(uid, hash),
      whole: (key, body, dictionary) => this.#encoded.whole(body, dictionary, this.#locator.isShared(key)),
      delta: (key, body, base) => this.#encoded.delta(body, base, this.#locator.isShared(key)),
    };
  }

  #desired(node: string, key: ObjectKey): Desired {
    if (!this.#locator.needs(node, key)) return { state: WATCHED.has(resourceOf(key)) ? 'absent' : 'unwatched' };
    const body = this.#store.get(key)?.body;
    if (body === undefined) return { state: 'absent' };
    if (typeof body === 'object') return { state: 'ready', body };
    return { state: body === 'none' ? 'pending' : 'unusable' };
  }

  #hasReached(key: ObjectKey, resourceVersion: string): boolean {
    const known = this.#store.get(key);
    if (known !== undefined && compareResourceVersions(known.resourceVersion, resourceVersion) >= 0) return true;
    return this.#sync.hasReached(key, resourceVersion);
  }

  #gateOf(node: string): Gate {
    const detail = this.notSynced();
    if (detail !== undefined) return { state: 'closed', reason: 'relaySyncing', detail };
    switch (this.#nodes.standing(node)) {
      case 'edge':
        return { state: 'open' };
      case 'missing':
        return { state: 'closed', reason: 'nodeMissing', detail: `there is no Node ${node}` };
      case 'grace':
        return { state: 'closed', reason: 'nodeNotLabelled', detail: `Node ${node} has no label ${EDGE_LABEL}` };
      case 'removing':
        return { state: 'removing', detail: `Node ${node} has had no label ${EDGE_LABEL} for long: its device is cleared` };
    }
  }
}
