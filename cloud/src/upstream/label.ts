import { isJsonObject, type JsonObject, resourceById, resourcePath } from '@hawser/protocol';
import type { Logger } from 'pino';
import { EDGE_LABEL } from '../locating/index.ts';
import type { Answer, ReadObject } from './answer.ts';
import { type NodeMarks, nameOfTaint } from './node-marks.ts';
import type { ApiCall } from './request.ts';

/** Left beside the label, so that whoever takes the label off a Node is not overruled when the device starts again. */
const LABELLED_ANNOTATION = 'hawser.dev/edge-label';
/** The same for the labels and taints of the settings: the names of those that were set once, with commas. */
const MARKED_ANNOTATION = 'hawser.dev/set-by-relay';
/** Controllers take taints off a new Node meanwhile, and write to it otherwise; after so many tries the agent registers again later. */
const MAX_CONFLICTS = 6;

export interface Labeller {
  /** A call with the relay's own rights. */
  readonly ask: (call: ApiCall) => Promise<Answer>;
  /** A call as the node, which may read its own Node; the relay itself may only list and change them. */
  readonly askAsNode: (call: ApiCall) => Promise<Answer>;
  readonly logger: Logger;
  readonly marks: NodeMarks;
}

/**
 * Sets the edge label and what the settings name on a Node that its agent has just registered or found registered, with the relay's
 * own rights. Each once in the life of a Node; a Node that was deleted and registered again is another one.
 *
 * @param isNew it was made by this registration. What stands in its annotations then is the device's word, and does not count
 * @returns why it could not be set for now; the registration is then to be answered with that, so that the agent repeats it. A relay
 * that lacks the right says so in its log, and the registration stands: someone else may set them.
 */
export async function labelOnRegistration(
  { ask, askAsNode, logger, marks }: Labeller,
  node: ReadObject,
  isNew: boolean,
): Promise<Extract<Answer, { type: 'unavailable' }> | undefined> {
  let current = node;
  for (let conflicts = 0; ; conflicts++) {
    const patch = patchFor(current, marks, isNew);
    if (patch === undefined) return undefined;
    const answer = await ask(planPatch(current.name, patch));
    if (answer.type === 'conflict' && conflicts < MAX_CONFLICTS) {
      const read = await askAsNode(planRead(node.name));
      // Its successor has a registration of its own.
      if (read.type === 'object' && read.object.uid !== node.uid) return undefined;
      if (read.type === 'object') {
        current = read.object;
        continue;
      }
      if (read.type === 'unavailable') return read;
    }
    switch (answer.type) {
      case 'object':
        logger.info({ node: node.name }, 'labels and taints of the relay set');
        return undefined;
      case 'unavailable':
        return answer;
      case 'relayRefused':
        logger.error({ node: node.name, reason: answer.message }, 'labels and taints of the relay not set');
        return undefined;
      case 'success':
        logger.error(
          { node: node.name, reason: 'the API server answered without the Node' },
          'labels and taints of the relay not set',
        );
        return undefined;
      default:
        logger.error({ node: node.name, reason: answer.status.message }, 'labels and taints of the relay not set');
        return undefined;
    }
  }
}

/** The merge patch that is still to be made; undefined when there is none. */
function patchFor(node: ReadObject, marks: NodeMarks, isNew: boolean): JsonObject | undefined {
  const annotations: JsonObject = {};
  const labels: JsonObject = {};
  const isLabelled = Object.hasOwn(node.labels, EDGE_LABEL);
  if (marks.edgeLabel && !isLabelled && (isNew || !Object.hasOwn(node.annotations, LABELLED_ANNOTATION))) {
    labels[EDGE_LABEL] = '';
    annotations[LABELLED_ANNOTATION] = 'set-by-relay';
  }
  const done = isNew ? new Set<string>() : namesIn(node.annotations[MARKED_ANNOTATION]);
  const news: string[] = [];
  for (const { key, value } of marks.labels) {
    if (done.has(key)) continue;
    news.push(key);
    // On a Node that was there already a value is somebody's own; on a new one it is the device's.
    if (isNew || !Object.hasOwn(node.labels, key)) labels[key] = value;
  }
  const before = taintsOf(node.body);
  let taints = before;
  for (const taint of marks.taints) {
    const name = nameOfTaint(taint);
    if (done.has(name)) continue;
    news.push(name);
    const isThere = (other: JsonObject) => other.key === taint.key && other.effect === taint.effect;
    if (!isNew && taints.some(isThere)) continue;
    taints = [...taints.filter((other) => !isThere(other)), { ...taint }];
  }
  if (news.length > 0) annotations[MARKED_ANNOTATION] = [...done, ...news].join(',');
  if (Object.keys(annotations).length === 0) return undefined;
  // A list of taints is replaced whole, so it is meant for this version of the Node only.
  const precondition = taints === before ? {} : { resourceVersion: node.resourceVersion };
  const metadata = { uid: node.uid, ...precondition, labels, annotations };
  return taints === before ? { metadata } : { metadata, spec: { taints: [...taints] } };
}

function namesIn(annotation: JsonObject[string] | undefined): Set<string> {
  return new Set(typeof annotation === 'string' ? annotation.split(',').filter((name) => name !== '') : []);
}

function taintsOf({ spec }: JsonObject): readonly JsonObject[] {
  const taints = isJsonObject(spec) ? spec.taints : undefined;
  return Array.isArray(taints) ? taints.filter(isJsonObject) : [];
}

function planRead(name: string): ApiCall {
  return { method: 'GET', path: pathOf(name), body: undefined, contentType: undefined };
}

function planPatch(name: string, patch: JsonObject): ApiCall {
  return { method: 'PATCH', path: pathOf(name), body: JSON.stringify(patch), contentType: 'application/merge-patch+json' };
}

function pathOf(name: string): string {
  const nodes = resourceById('nodes');
  if (nodes === undefined) throw new Error('nodes are not in the resource table');
  return resourcePath(nodes, '', name);
}
