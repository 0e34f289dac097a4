import { HawserError, MIRROR_ANNOTATION, type ObjectKey, parseJson } from '@hawser/protocol';
import { persistentVolumeSecrets } from './driver-secrets.ts';
import { namedKey } from './names.ts';
import { field, text } from './read.ts';
import { MAX_REFERENCES, references } from './references.ts';

/** A kubelet may not set it on its own Node (NodeRestriction), so it says that the cluster wants the node at the edge. */
export const EDGE_LABEL = 'node-role.kubernetes.io/edge';
/** On a Node: which Services its device is sent. */
export const SERVICE_SCOPE_ANNOTATION = 'hawser.dev/service-scope';
/** On a Node: whether its device has a link to a relay, and which version its agent has. Relays write both. */
export const LINKED_CONDITION = 'hawser.dev/Linked';
export const AGENT_VERSION_ANNOTATION = 'hawser.dev/agent-version';
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** All that locating reads of a pod. Kept for every pod of the cluster, so it is small. */
export interface PodFacts {
  /** `spec.nodeName`; undefined while the pod is not scheduled. */
  readonly node: string | undefined;
  /** What the pod needs in order to start: its Namespace, and all that its spec names. */
  readonly needs: readonly ObjectKey[];
  /** The pod names more than are located. */
  readonly truncated: boolean;
}

/**
 * Which Services, Endpoints and EndpointSlices a node needs.
 * - namespaces: those of the namespaces that have pods on it, and `default/kubernetes`; without the annotation, too
 * - cluster: all
 * - none: none
 * - unknown: as namespaces; the annotation says something else, and the log says so
 */
export type ServiceScope = 'namespaces' | 'cluster' | 'none' | 'unknown';

export interface NodeFacts {
  readonly labelled: boolean;
  readonly serviceScope: ServiceScope;
  /** Status of the condition LINKED_CONDITION; undefined without it. */
  readonly linked: string | undefined;
  readonly agentVersion: string | undefined;
}

export interface ClaimFacts {
  /** The PersistentVolume that it names: the one that it is bound to, or wants to be. */
  readonly volume: ObjectKey | undefined;
}

export interface VolumeFacts {
  /** The claim that the volume is bound to or reserved for; undefined when it is free. */
  readonly claim: ObjectKey | undefined;
  /** The Secrets that a kubelet reads for it. */
  readonly secrets: readonly ObjectKey[];
}

/** @param json a Pod. @throws HawserError `malformed_object` when it is no JSON object */
export function podFacts(json: string): PodFacts {
  const pod = parse(json);
  const node = text(pod, 'spec', 'nodeName');
  // A mirror pod is the device's word and not the cluster's: it opens no way to anything (as in the Node authorizer).
  if (field(pod, 'metadata', 'annotations', MIRROR_ANNOTATION) !== undefined) return { node, needs: [], truncated: false };
  const all = references(pod);
  const namespace = namedKey('namespaces', undefined, text(pod, 'metadata', 'namespace'));
  return { node, needs: namespace === undefined ? all : [namespace, ...all], truncated: all.length >= MAX_REFERENCES };
}

/** @param json a Node. @throws HawserError `malformed_object` when it is no JSON object */
export function nodeFacts(json: string): NodeFacts {
  const node = parse(json);
  const metadata = field(node, 'metadata');
  return {
    labelled: typeof field(metadata, 'labels', EDGE_LABEL) === 'string',
    serviceScope: serviceScope(field(metadata, 'annotations', SERVICE_SCOPE_ANNOTATION)),
    linked: linkedStatus(field(node, 'status', 'conditions')),
    agentVersion: text(metadata, 'annotations', AGENT_VERSION_ANNOTATION),
  };
}

/** @param json a PersistentVolumeClaim. @throws HawserError `malformed_object` when it is no JSON object */
export function claimFacts(json: string): ClaimFacts {
  return { volume: namedKey('persistentvolumes', undefined, text(parse(json), 'spec', 'volumeName')) };
}

/** @param json a PersistentVolume. @throws HawserError `malformed_object` when it is no JSON object */
export function volumeFacts(json: string): VolumeFacts {
  const volume = parse(json);
  const claimRef = field(volume, 'spec', 'claimRef');
  const namespace = text(claimRef, 'namespace');
  const claim = namespace === undefined ? undefined : namedKey('persistentvolumeclaims', namespace, text(claimRef, 'name'));
  return { claim, secrets: claim === undefined ? [] : persistentVolumeSecrets(volume) };
}

/** The node that the volume is attached to. @param json a VolumeAttachment. @throws HawserError `malformed_object` when it is no JSON object */
export function attachmentNode(json: string): string | undefined {
  return text(parse(json), 'spec', 'nodeName');
}

/** The Service that the slice is of. @param json an EndpointSlice. @throws HawserError `malformed_object` when it is no JSON object */
export function sliceService(json: string): string | undefined {
  return text(parse(json), 'metadata', 'labels', SERVICE_NAME_LABEL);
}

function linkedStatus(conditions: unknown): string | undefined {
  if (!Array.isArray(conditions)) return undefined;
  return text(
    conditions.find((condition) => field(condition, 'type') === LINKED_CONDITION),
    'status',
  );
}

function serviceScope(annotation: unknown): ServiceScope {
  if (annotation === undefined || annotation === 'namespaces') return 'namespaces';
  return annotation === 'cluster' || annotation === 'none' ? annotation : 'unknown';
}

function parse(json: string): object {
  let value: unknown;
  try {
    value = parseJson(json);
  } catch (cause) {
    throw new HawserError('malformed_object', `object is no JSON (${json.length} characters)`, { cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new HawserError('malformed_object', 'object is no JSON object');
}
