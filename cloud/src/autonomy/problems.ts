import { AUTONOMY_ANNOTATION, type JsonObject, parseAutonomy, parseSpan, STOP_AFTER_ANNOTATION } from '@hawser/protocol';
import { CLUSTER_SCOPE_NAMESPACE, eventName, eventsPath, involvedNode, once, warningEvent } from '../warning-event.ts';

/** What a Node's annotations say, as they are written. */
export interface NodeTexts {
  readonly uid: string;
  readonly autonomy: string | undefined;
  readonly stopAfter: string | undefined;
}

export interface Problem {
  readonly reason: 'InvalidAutonomy' | 'LateAutonomyStop';
  readonly message: string;
}

/** Of what somebody wrote, so much is repeated; in characters. */
const MAX_QUOTED = 64;

/** What somebody should mend. */
export function problemsOf({ autonomy, stopAfter }: NodeTexts): Problem[] {
  const problems: Problem[] = [];
  const span = autonomy === undefined ? undefined : parseAutonomy(autonomy);
  const stop = stopAfter === undefined ? undefined : parseSpan(stopAfter);
  if (autonomy !== undefined && span === undefined) {
    problems.push(invalid(AUTONOMY_ANNOTATION, autonomy, 'a span such as 72h or 1d12h, of 1s to 3650d, or forever'));
  }
  if (stopAfter !== undefined && stop === undefined) {
    problems.push(invalid(STOP_AFTER_ANNOTATION, stopAfter, 'a span such as 71h, of 1s to 3650d'));
  }
  if (stop !== undefined && typeof span === 'number' && stop >= span) {
    const message = `${STOP_AFTER_ANNOTATION} (${stopAfter}) is not less than ${AUTONOMY_ANNOTATION} (${autonomy}): for a while a pod may run on this node and its replacement elsewhere`;
    problems.push({ reason: 'LateAutonomyStop', message });
  }
  return problems;
}

function invalid(annotation: string, text: string, wanted: string): Problem {
  const message = `annotation ${annotation} is "${text.slice(0, MAX_QUOTED)}" and has no effect: it must be ${wanted}`;
  return { reason: 'InvalidAutonomy', message };
}

export const EVENTS_PATH = eventsPath(CLUSTER_SCOPE_NAMESPACE);

/** An Event on the Node. The same problem has the same name whoever tells it, so that it is told once. */
export function problemEvent(node: string, uid: string, { reason, message }: Problem, instance: string, now: Date): JsonObject {
  const name = eventName('autonomy', [uid, reason, message]);
  const event = { name, namespace: CLUSTER_SCOPE_NAMESPACE, involvedObject: involvedNode(node), reason, message };
  return warningEvent(event, once(now), instance);
}
