import type { JsonObject } from '@hawser/protocol';
import { CLUSTER_SCOPE_NAMESPACE, eventName, eventsPath, involvedNode, once, warningEvent } from '../../warning-event.ts';
import type { EnrolRequest } from '../types.ts';
import type { Replaced } from './decide.ts';

const REASON = 'DeviceReplaced';
/** Of a key's hash, for people: `sha256:` and so many hex digits. */
const SHOWN_DIGITS = 12;

export const REPLACED_EVENTS_PATH = eventsPath(CLUSTER_SCOPE_NAMESPACE);

/** An Event on the Node: another device has its name from now on. */
export function replacedEvent(
  { nodeName, key, remote }: EnrolRequest,
  replaces: Replaced,
  now: Date,
  instance: string,
): JsonObject {
  const older =
    replaces.type !== 'unrecorded' && replaces.key !== undefined ? `device ${shownKey(replaces.key)}` : 'whoever had it';
  const revoked = replaces.type === 'revoked' ? ', which was revoked' : '';
  const message = `a device with key ${shownKey(key)}, from ${remote}, has joined as ${nodeName} and takes the place of ${older}${revoked}`;
  const name = eventName('device-replaced', [nodeName, key, now.toISOString()]);
  const event = { name, namespace: CLUSTER_SCOPE_NAMESPACE, involvedObject: involvedNode(nodeName), reason: REASON, message };
  return warningEvent(event, once(now), instance);
}

export function shownKey(key: string): string {
  return key.slice(0, 'sha256:'.length + SHOWN_DIGITS);
}
