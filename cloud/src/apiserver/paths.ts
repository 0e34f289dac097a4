import { type ApiResource, resourcePath } from '@hawser/protocol';

/** What is asked of the API server for one resource. */
export interface Target {
  readonly resource: ApiResource;
  /** Empty: all namespaces, or a resource that has none. */
  readonly namespace: string;
  readonly fieldSelector: string | undefined;
  readonly labelSelector: string | undefined;
}

/** Items per page: a page of large Secrets is still read in seconds, and 5,000 pods take ten requests. */
const PAGE_ITEMS = 500;
/** Watches end after something between these, not all at once; the API server's own default is similar. */
const MIN_WATCH_SECONDS = 300;
const MAX_WATCH_SECONDS = 600;

/** A consistent list, in pages or (when a page's token has expired) whole: without resourceVersion it is the newest state. */
export function listPath(target: Target, page: { readonly continueToken: string } | 'first' | 'whole'): string {
  if (page === 'whole') return path(target, {});
  return path(target, { limit: String(PAGE_ITEMS), ...(page === 'first' ? {} : { continue: page.continueToken }) });
}

/** The shortest list from which one can see how far the server is. What it leaves out for us does not matter to that. */
export function smallListPath({ resource, namespace }: Pick<Target, 'resource' | 'namespace'>): string {
  return path({ resource, namespace, fieldSelector: undefined, labelSelector: undefined }, { limit: '1' });
}

/** The state of now as a stream of ADDED events and a bookmark, and then the watch (Kubernetes API concepts, "Streaming lists"). */
export function watchListPath(target: Target, random: number): string {
  return path(target, { ...watchParameters(random), sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' });
}

/** @param random from 0 to 1, 1 excluded */
export function watchPath(target: Target, resourceVersion: string, random: number): string {
  return path(target, { ...watchParameters(random), resourceVersion });
}

function watchParameters(random: number): Record<string, string> {
  const seconds = MIN_WATCH_SECONDS + Math.floor(random * (MAX_WATCH_SECONDS - MIN_WATCH_SECONDS));
  return { watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds: String(seconds) };
}

function path({ resource, namespace, fieldSelector, labelSelector }: Target, parameters: Record<string, string>): string {
  const query = new URLSearchParams({
    ...parameters,
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
  }).toString();
  const collection = resourcePath(resource, namespace);
  return query === '' ? collection : `${collection}?${query}`;
}
