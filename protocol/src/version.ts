/** One state of one object. Equal uid and resourceVersion within a cluster (and epoch) mean equal bodies. */
export interface Version {
  readonly uid: string;
  /** A decimal string; compare only within one resource, with `compareResourceVersions`. */
  readonly resourceVersion: string;
  /** First 8 bytes of the SHA-256 of the canonical body, as 16 hex digits. */
  readonly hash: string;
}

const RESOURCE_VERSION = /^(0|[1-9][0-9]{0,38})$/;

/** Whether this is a resourceVersion that can be compared (Kubernetes API concepts, "Resource versions"). */
export function isResourceVersion(text: unknown): text is string {
  return typeof text === 'string' && RESOURCE_VERSION.test(text);
}

/**
 * Negative when `a` is older than `b`, 0 when they are equal, positive when `a` is newer.
 * By length and then by text, so that numbers above 2^53 are right too.
 */
export function compareResourceVersions(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

export function sameVersion(a: Version, b: Version): boolean {
  return a.resourceVersion === b.resourceVersion && a.uid === b.uid && a.hash === b.hash;
}
