import type { KubeObject } from '@hawser/protocol';
import { timestamp } from '../api/clock.ts';
import { humanDuration } from '../api/http/table/duration.ts';

/** Events of Nodes live here (Kubernetes, client-go's event recorder). */
const NAMESPACE = 'default';
const COMPONENT = 'hawser-agent';

/** Told when the link is back: why the device's pods have ended (core/v1 Event on the Node). */
export function stoppedEvent(node: string, pods: number, awayMs: number, now: Date): KubeObject {
  const time = timestamp(now);
  const ended = pods === 1 ? '1 pod' : `${pods} pods`;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    // As unique as those of client-go, whose names end with a time too.
    metadata: { name: `${node}.${now.getTime().toString(16)}`, namespace: NAMESPACE },
    // By its name in place of the uid, as a kubelet names its Node.
    involvedObject: { apiVersion: 'v1', kind: 'Node', name: node, uid: node },
    type: 'Warning',
    reason: 'StoppedWithoutLink',
    message: `The device had no link for ${humanDuration(awayMs)} and ended ${ended} by itself, as hawser.dev/autonomy-stop-after says`,
    source: { component: COMPONENT, host: node },
    reportingComponent: COMPONENT,
    reportingInstance: node,
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  };
}
