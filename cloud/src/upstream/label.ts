import { resourceById, resourcePath } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Answer, ReadObject } from './answer.ts';
import { type CallCounts, callApi, type NodeApi } from './node-api.ts';

/** Marks the nodes that the relay serves; a kubelet may not set it on itself. */
export const EDGE_LABEL = 'node-role.kubernetes.io/edge';
/** Left beside the label, so that whoever takes the label off a Node is not overruled when the device starts again. */
export const LABELLED_ANNOTATION = 'hawser.dev/edge-label';

export interface Labeller {
  readonly api: NodeApi;
  readonly counts: CallCounts;
  readonly logger: Logger;
}

/**
 * Sets the edge label, with the relay's own rights, on a Node that its agent has just registered or found registered. Done once
 * in the life of a Node; a Node that was deleted and registered again is another one.
 *
 * @returns why the label could not be set for now; the registration is then to be answered with that, so that the agent repeats
 * it. A relay that lacks the right says so in its log, and the registration stands: someone else may set the label.
 */
export async function labelOnRegistration(
  labeller: Labeller,
  node: ReadObject,
): Promise<Extract<Answer, { type: 'unavailable' }> | undefined> {
  if (Object.hasOwn(node.labels, EDGE_LABEL) || Object.hasOwn(node.annotations, LABELLED_ANNOTATION)) return undefined;
  const nodes = resourceById('nodes');
  if (nodes === undefined) return undefined;
  const answer = await callApi(
    labeller,
    {
      method: 'PATCH',
      path: resourcePath(nodes, '', node.name),
      body: JSON.stringify({
        metadata: { uid: node.uid, labels: { [EDGE_LABEL]: '' }, annotations: { [LABELLED_ANNOTATION]: 'set-by-relay' } },
      }),
      contentType: 'application/merge-patch+json',
    },
    undefined,
  );
  switch (answer.type) {
    case 'object':
      labeller.logger.info({ node: node.name }, 'edge label set');
      return undefined;
    case 'unavailable':
      return answer;
    case 'relayRefused':
      labeller.logger.error({ node: node.name, reason: answer.message }, 'edge label not set');
      return undefined;
    case 'success':
      labeller.logger.error({ node: node.name, reason: 'the API server answered without the Node' }, 'edge label not set');
      return undefined;
    default:
      labeller.logger.error({ node: node.name, reason: answer.status.message }, 'edge label not set');
      return undefined;
  }
}
