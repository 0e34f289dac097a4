import type { NackReason, ObjectKey } from '@hawser/protocol';

/**
 * Why desired and known version of an object differ now.
 *
 * | why | meaning |
 * |---|---|
 * | toBeSent | its turn has not come: the window is full, or the session is closed for now |
 * | underWay | it was sent, and its ack has not come |
 * | waitsForBody | the relay is reading the object |
 * | waitsForObject | a pod: something that it needs goes before it, `detail` names it |
 * | ahead | the device holds something newer than this relay has seen |
 * | heldDelete | a delete that waits for others that may still need the object |
 * | unconfirmedDelete | most of what the device holds is to be deleted, and that is being listed once more |
 * | refused | the device could not take this version |
 * | unreadable | this relay cannot read the object, and what the device holds stays |
 * | notCompared | what the device holds is not known yet in this session |
 */
export type Why =
  | 'toBeSent'
  | 'underWay'
  | 'waitsForBody'
  | 'waitsForObject'
  | 'ahead'
  | 'heldDelete'
  | 'unconfirmedDelete'
  | 'refused'
  | 'unreadable'
  | 'notCompared';

export interface Differing {
  readonly key: ObjectKey;
  readonly why: Why;
  readonly detail: string;
}

export interface ResourceCounts {
  readonly resource: string;
  /** Objects that exist and that the device should hold. */
  readonly desired: number;
  /** Objects that the device holds, as far as this relay knows. */
  readonly known: number;
  readonly differing: number;
}

export interface RefusalNote {
  readonly at: Date;
  readonly key: ObjectKey;
  readonly resourceVersion: string;
  readonly reason: NackReason;
  readonly detail: string;
}

/** What a session can say about its node's objects, for a person. */
export interface SessionReport {
  readonly resources: readonly ResourceCounts[];
  /** Not all of them, where there are many. */
  readonly differing: readonly Differing[];
  /** Those that are left out. */
  readonly more: number;
  /** The last MOST_REFUSALS of this session, the oldest first. */
  readonly refusals: readonly RefusalNote[];
  /** The last ack or frame of an inventory; undefined before the first. */
  readonly answeredAt: Date | undefined;
}

/** Refusals that a session remembers for whoever asks; the oldest goes for one more. Each is some 300 bytes. */
export const MOST_REFUSALS = 16;
/** Of the device's words in one, in characters. */
export const MOST_DETAIL = 256;

/** Counts objects by resource, and keeps the first `most` that differ. */
export class ReportBuilder {
  readonly #counts = new Map<string, { desired: number; known: number; differing: number }>();
  readonly #differing: Differing[] = [];
  readonly #most: number;
  #more = 0;

  constructor(most: number) {
    this.#most = most;
  }

  add(resource: string, isDesired: boolean, isKnown: boolean, differing: Differing | undefined): void {
    const counts = this.#counts.get(resource) ?? { desired: 0, known: 0, differing: 0 };
    this.#counts.set(resource, counts);
    if (isDesired) counts.desired += 1;
    if (isKnown) counts.known += 1;
    if (differing === undefined) return;
    counts.differing += 1;
    if (this.#differing.length < this.#most) this.#differing.push(differing);
    else this.#more += 1;
  }

  build(): Pick<SessionReport, 'resources' | 'differing' | 'more'> {
    const resources = [...this.#counts].map(([resource, counts]) => ({ resource, ...counts }));
    return {
      resources: resources.toSorted((a, b) => (a.resource < b.resource ? -1 : 1)),
      differing: this.#differing,
      more: this.#more,
    };
  }
}
