import { HawserError, type ObjectKey } from '@hawser/protocol';
import { field, text } from './read.ts';
import { MAX_REFERENCES, references } from './references.ts';

/** A kubelet may not set it on its own Node (NodeRestriction), so it says that the cluster wants the node at the edge. */
export const EDGE_LABEL = 'node-role.kubernetes.io/edge';

/** All that locating reads of a pod. Kept for every pod of the cluster, so it is small. */
export interface PodFacts {
  /** `spec.nodeName`; undefined while the pod is not scheduled. */
  readonly node: string | undefined;
  /** ConfigMaps and Secrets that the pod needs. */
  readonly needs: readonly ObjectKey[];
  /** The pod names more than are located. */
  readonly truncated: boolean;
}

export interface NodeFacts {
  readonly labelled: boolean;
}

/** Only these of a pod's references are watched and sent. */
const SENT = /^(configmaps|secrets)\//;

/** @param json a Pod. @throws HawserError `malformed_object` when it is no JSON object */
export function podFacts(json: string): PodFacts {
  const pod = parse(json);
  const all = references(pod);
  return {
    node: text(pod, 'spec', 'nodeName'),
    needs: all.filter((key) => SENT.test(key)),
    truncated: all.length >= MAX_REFERENCES,
  };
}

/** @param json a Node. @throws HawserError `malformed_object` when it is no JSON object */
export function nodeFacts(json: string): NodeFacts {
  return { labelled: typeof field(parse(json), 'metadata', 'labels', EDGE_LABEL) === 'string' };
}

function parse(json: string): object {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new HawserError('malformed_object', `object is no JSON (${json.length} characters)`, { cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new HawserError('malformed_object', 'object is no JSON object');
}
