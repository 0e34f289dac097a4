import { hash } from 'node:crypto';
import { compareResourceVersions, type ObjectKey, type Version } from '@hawser/protocol';
import type { Facts, Stored } from './cluster.ts';
import { desiredOf } from './desired.ts';

/** One state that an object really had. */
export interface TrueVersion {
  readonly key: ObjectKey;
  readonly version: Version;
  readonly revision: number;
  /** The timeline in which it came about: 0, and one more with each restoration from a backup. */
  readonly timeline: number;
  /** The canonical body. */
  readonly body: string;
  readonly facts: Facts;
}

interface Moment {
  readonly timeline: number;
  readonly revision: number;
}

/**
 * The witness: every version that there ever was, in which timeline, and when each object was last not wanted on a node. What
 * happens on a device is judged by this and by nothing that relays or agents say.
 */
export class ApiServerHistory {
  readonly #nodes: readonly string[];
  readonly #versions = new Map<string, TrueVersion[]>();
  /** Node, key and uid → the last moment at which it was not wanted there. Absent: it always was. */
  readonly #unwanted = new Map<string, Moment>();
  /** Node → what it was ever to hold, as key and uid. */
  readonly #everWanted = new Map<string, Set<string>>();
  /** At which revision each timeline began: that of the backup. */
  readonly #begins: number[] = [0];

  constructor(nodes: readonly string[]) {
    this.#nodes = nodes;
    for (const node of nodes) this.#everWanted.set(node, new Set());
  }

  /** Versions that there ever were. */
  get size(): number {
    return this.#versions.size;
  }

  get timeline(): number {
    return this.#begins.length - 1;
  }

  record({ key, uid, revision, facts }: Stored, body: string): void {
    const version = { uid, resourceVersion: String(revision), hash: hash('sha256', body, 'hex').slice(0, 16) };
    const found = { key, version, revision, timeline: this.timeline, body, facts };
    const name = nameOf(key, version);
    this.#versions.set(name, [...(this.#versions.get(name) ?? []), found]);
  }

  changed(revision: number, objects: ReadonlyMap<ObjectKey, Stored>): void {
    const now = { timeline: this.timeline, revision };
    for (const node of this.#nodes) {
      const desired = desiredOf(node, objects);
      const ever = this.#everWanted.get(node);
      for (const { key, uid } of desired.values()) ever?.add(`${key} ${uid}`);
      for (const pair of ever ?? []) {
        const [key, uid] = pair.split(' ');
        if (desired.get(key as ObjectKey)?.uid !== uid) this.#unwanted.set(`${node} ${pair}`, now);
      }
    }
  }

  restored(revision: number, objects: ReadonlyMap<ObjectKey, Stored>): void {
    this.#begins.push(revision);
    this.changed(revision, objects);
  }

  /** The version of that key that is just so, hash and all; undefined when there never was one. */
  find(key: ObjectKey, version: Version): TrueVersion | undefined {
    return this.findAll(key, version)[0];
  }

  /** The same may have come about in several timelines. */
  findAll(key: ObjectKey, version: Version): readonly TrueVersion[] {
    return this.#versions.get(nameOf(key, version))?.filter((found) => found.version.hash === version.hash) ?? [];
  }

  /** Whether the version is part of that timeline: it came about in it, or before the backup that it began from. */
  contains(timeline: number, { timeline: made, revision }: TrueVersion): boolean {
    if (made > timeline) return false;
    return this.#begins.slice(made + 1, timeline + 1).every((begin) => revision <= begin);
  }

  /** Whether going from one to the other is a step forwards: by resourceVersion, or into a timeline that does not have the first. */
  isForwards(from: TrueVersion, to: TrueVersion): boolean {
    const isNewer = compareResourceVersions(to.version.resourceVersion, from.version.resourceVersion) >= 0;
    return (isNewer && this.#shareTimeline(from, to)) || this.#leaves(from, to);
  }

  /** Whether the object was not wanted on that node at some moment that is not before the version. */
  wasUnwantedSince(node: string, key: ObjectKey, { version, timeline, revision }: TrueVersion): boolean {
    const pair = `${key} ${version.uid}`;
    // A relay reads resources side by side: it may have seen the pod that is no more together with what came after it.
    if (this.#everWanted.get(node)?.has(pair) !== true) return true;
    const last = this.#unwanted.get(`${node} ${pair}`);
    if (last === undefined) return false;
    return last.timeline === timeline ? last.revision >= revision : last.timeline > timeline;
  }

  /** There is a timeline after the first version's own with the second and without the first. */
  #leaves(from: TrueVersion, to: TrueVersion): boolean {
    for (let timeline = from.timeline + 1; timeline <= this.timeline; timeline += 1) {
      if (this.contains(timeline, to) && !this.contains(timeline, from)) return true;
    }
    return false;
  }

  #shareTimeline(from: TrueVersion, to: TrueVersion): boolean {
    for (let timeline = 0; timeline <= this.timeline; timeline += 1) {
      if (this.contains(timeline, from) && this.contains(timeline, to)) return true;
    }
    return false;
  }
}

function nameOf(key: ObjectKey, { uid, resourceVersion }: Version): string {
  return `${key} ${uid} ${resourceVersion}`;
}
