import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type ObjectKey,
  objectKey,
  parseJson,
  type Report,
  type ReportOutcome,
} from '@hawser/protocol';
import { isEvent } from './report-lane.ts';
import { isDotSegment } from './request.ts';

/**
 * Kubernetes lets every node write every Event. The relay knows more: an Event about the Node or a pod of another device, or under the name
 * of one, is no business of this one, and is refused before the API server is asked.
 */
export interface EventScope {
  /** The edge nodes that need an object: of a pod the one it is bound to, of a Node itself; nothing for what is not known. */
  neededBy(key: ObjectKey): Iterable<string>;
  /** The uid of an object that an edge node needs. */
  uidOf(key: ObjectKey): string | undefined;
}

type Refused = Extract<ReportOutcome, { type: 'refused' }>;

/** Where Events about what has no namespace live. */
const CLUSTER_NAMESPACE = 'default';

/** Why an Event is refused; undefined for one that may be written, and for what is no Event. */
export function refuseEvent(scope: EventScope, node: string, report: Report): Refused | undefined {
  if (!isEvent(report.resource)) return undefined;
  // What is no name is refused with what else is wrong with the report.
  if ([report.name, report.namespace].some((part) => isDotSegment(part) || part.includes('/'))) return undefined;
  const theirs = namedAfter(scope, node, report) ?? told(scope, node, report);
  if (theirs === undefined) return undefined;
  return { type: 'refused', code: 403, reason: 'Forbidden', message: `node "${node}" may not write Events about ${theirs}` };
}

/** Clients of Kubernetes name an Event after what it is about, with a dot and a number behind; a patch says nothing else of that. */
function namedAfter(scope: EventScope, node: string, { namespace, name }: Report): string | undefined {
  const dot = name.lastIndexOf('.');
  const about = dot <= 0 ? name : name.slice(0, dot);
  if (about === '' || namespace === '') return undefined;
  const pod = objectKey('pods', namespace, about);
  if (isOfAnother(scope, node, pod)) return `pod ${namespace}/${about}, which is bound to another node`;
  const isNode = namespace === CLUSTER_NAMESPACE && isOfAnother(scope, node, objectKey('nodes', '', about));
  // A pod of this device may be called as another device is.
  return isNode && !isOfThis(scope, node, pod) ? `node ${about}` : undefined;
}

/** What a create or update says that the Event is about. */
function told(scope: EventScope, node: string, { operation }: Report): string | undefined {
  if (operation.type === 'remove') return undefined;
  const event = objectOf(parseJson(operation.body));
  for (const about of [objectOf(event.involvedObject), objectOf(event.regarding)]) {
    const { kind, namespace, name, uid } = about;
    if (typeof name !== 'string' || !isPart(name)) continue;
    if (kind === 'Node' && name !== node) return `node ${name}`;
    if (kind !== 'Pod' || typeof namespace !== 'string' || !isPart(namespace)) continue;
    const key = objectKey('pods', namespace, name);
    // Of an earlier pod of that name it may still have something to say.
    const isPresent = typeof uid !== 'string' || uid === '' || uid === scope.uidOf(key);
    if (isPresent && isOfAnother(scope, node, key)) return `pod ${namespace}/${name}, which is bound to another node`;
  }
  return undefined;
}

function isOfAnother(scope: EventScope, node: string, key: ObjectKey): boolean {
  const nodes = [...scope.neededBy(key)];
  return nodes.length > 0 && !nodes.includes(node);
}

function isOfThis(scope: EventScope, node: string, key: ObjectKey): boolean {
  return [...scope.neededBy(key)].includes(node);
}

/** Can be part of a key: what cannot names nothing that there is. */
function isPart(text: string): boolean {
  return /^[a-z0-9][a-z0-9.:-]{0,252}$/i.test(text);
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}
