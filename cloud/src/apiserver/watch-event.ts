import { type ApiResource, HawserError, isJsonObject, isResourceVersion } from '@hawser/protocol';
import { type Failure, requireObject, statusFailure } from './answer.ts';
import { eachMember, type Span, stringAt } from './json/members.ts';
import { type Head, type Observation, observe, readHead, textOf, type WantsText } from './observe.ts';

/** One line of a watch (Kubernetes API concepts, "Efficient detection of changes"). */
export type WatchEvent =
  | { readonly type: 'upsert'; readonly observation: Observation }
  | { readonly type: 'delete'; readonly head: Head }
  /** `endsInitialEvents`: what came before was the whole state as of `resourceVersion` (WatchList). */
  | { readonly type: 'bookmark'; readonly resourceVersion: string; readonly endsInitialEvents: boolean }
  | { readonly type: 'error'; readonly failure: Failure };

/** Bookmarks and Statuses are parsed whole; they have some 300 bytes. */
const MAX_CONTROL_BYTES = 64 * 1024;
const MAX_TYPE_BYTES = 32;
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/** @throws HawserError `malformed_object` */
export function readWatchEvent(resource: ApiResource, line: Uint8Array, wantsText: WantsText): WatchEvent {
  let type: string | undefined;
  let object: Span | undefined;
  eachMember(line, { from: 0, to: line.length }, (key, value) => {
    if (key === 'type') type = stringAt(line, value, MAX_TYPE_BYTES);
    if (key === 'object') object = value;
    return true;
  });
  if (object === undefined) throw new HawserError('malformed_object', 'a watch event has no object');
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
      return { type: 'upsert', observation: observe(resource, line, object, wantsText) };
    case 'DELETED':
      return { type: 'delete', head: readableHead(resource, line, object) };
    case 'BOOKMARK':
      return readBookmark(line, object);
    case 'ERROR':
      return { type: 'error', failure: readError(line, object) };
    default:
      throw new HawserError('malformed_object', `a watch event has the unknown type ${JSON.stringify(type)}`);
  }
}

function readableHead(resource: ApiResource, line: Uint8Array, object: Span): Head {
  const head = readHead(resource, line, object);
  if ('reason' in head) throw new HawserError('malformed_object', `the delete of ${head.key} ${head.reason}`);
  return head;
}

function readBookmark(line: Uint8Array, object: Span): WatchEvent {
  const { metadata } = readControl(line, object, 'a bookmark');
  const { resourceVersion, annotations } = isJsonObject(metadata) ? metadata : {};
  if (!isResourceVersion(resourceVersion)) throw new HawserError('malformed_object', 'a bookmark has no decimal resourceVersion');
  const endsInitialEvents = isJsonObject(annotations) && annotations[INITIAL_EVENTS_END] === 'true';
  return { type: 'bookmark', resourceVersion, endsInitialEvents };
}

function readError(line: Uint8Array, object: Span): Failure {
  const failure = statusFailure(readControl(line, object, 'the object of an ERROR event'));
  return failure ?? { code: 0, reason: '', message: 'an ERROR event without a Status', retryAfterMs: undefined };
}

function readControl(line: Uint8Array, { from, to }: Span, what: string) {
  if (to - from > MAX_CONTROL_BYTES) throw new HawserError('too_large', `${what} is over ${MAX_CONTROL_BYTES} bytes`);
  return requireObject(textOf(line.subarray(from, to)), what);
}
