import { randomUUID } from 'node:crypto';
import { type JsonObject, type KubeObject, resourceById } from '@hawser/protocol';
import { type Clock, timestamp } from '../api/clock.ts';
import type { StorageKey } from '../api/storage.ts';
import type { DroppedEventTable, UntoldLoss } from './dropped-events.ts';
import type { Meta } from './meta.ts';
import type { Objects } from './objects.ts';
import type { DropReason, StoreLimits } from './types.ts';

export interface LossEventParts {
  readonly objects: Objects;
  readonly dropped: DroppedEventTable;
  readonly meta: Meta;
  readonly clock: Pick<Clock, 'now'>;
  readonly limits: Pick<StoreLimits, 'eventAgeMs'>;
}

/** Where Events about what has no namespace live. */
const NAMESPACE = 'default';
const COMPONENT = 'hawser-agent';
const REASON = 'EventsDropped';
/** Hex digits of the store's id in the name: another store of this node, after this one was lost, uses other names. */
const STORE_DIGITS = 12;

/**
 * Tells the cloud how many Events it will never see: by one Event on the Node, put into the outbox in the transaction in which the loss
 * is marked as told. So it is told once, whatever ends the process when. While that Event waits there is no second one, and no bound
 * takes it away.
 */
export class LossEvent {
  readonly #parts: LossEventParts;

  constructor(parts: LossEventParts) {
    this.#parts = parts;
  }

  /** The row of the Event that waits, if one does. */
  object(): number | undefined {
    const number = this.#parts.meta.get('loss_event');
    return number === undefined ? undefined : this.#parts.objects.rows.waitingObjectOf(Number(number));
  }

  /** Reads only, outside of a transaction too. */
  isDue(): boolean {
    return this.#parts.dropped.untold() !== undefined && this.object() === undefined;
  }

  /** Within a transaction. @returns whether something was put into the outbox */
  tell(nodeName: string): boolean {
    const { objects, dropped, meta, clock, limits } = this.#parts;
    const loss = dropped.untold();
    if (loss === undefined || this.object() !== undefined) return false;
    const key: StorageKey = { resource: 'events', namespace: NAMESPACE, name: this.#name() };
    const now = clock.now();
    const event = eventOf({ nodeName, loss, now, limits, name: key.name });
    const row = objects.rows.ensure(key);
    const number = objects.rows.addWrite(row, {
      class: 'entry',
      verb: 'create',
      subresource: '',
      uid: event.metadata.uid ?? '',
      body: JSON.stringify(event),
      time: now.toISOString(),
    });
    if (row.provisionalUid === undefined) objects.rows.setProvisionalUid(row.id, event.metadata.uid);
    meta.set('loss_event', String(number));
    dropped.told();
    objects.refresh(row.id);
    return true;
  }

  /** Never used twice: it counts the losses of this store that were told. */
  #name(): string {
    const { meta } = this.#parts;
    const number = Number(meta.get('loss_events_told') ?? '0') + 1;
    meta.set('loss_events_told', String(number));
    return `events-dropped.${meta.identity().storeId.slice(0, STORE_DIGITS)}.${number}`;
  }
}

interface LossFacts {
  readonly nodeName: string;
  readonly name: string;
  readonly loss: UntoldLoss;
  readonly now: Date;
  readonly limits: LossEventParts['limits'];
}

/** core/v1, the form that `kubectl get events` and `describe node` read; a kubelet gives the Node's name as uid, too. */
function eventOf({ nodeName, name, loss, now, limits }: LossFacts): KubeObject {
  const involvedObject: JsonObject = {
    apiVersion: 'v1',
    kind: resourceById('nodes')?.kind ?? 'Node',
    name: nodeName,
    uid: nodeName,
  };
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace: NAMESPACE, uid: randomUUID(), creationTimestamp: timestamp(now) },
    involvedObject,
    type: 'Warning',
    reason: REASON,
    message: messageOf(loss, limits),
    source: { component: COMPONENT, host: nodeName },
    reportingComponent: COMPONENT,
    reportingInstance: nodeName,
    firstTimestamp: timestamp(loss.since === undefined ? now : new Date(loss.since)),
    lastTimestamp: timestamp(now),
    count: 1,
  };
}

const MILLISECONDS_OF_A_DAY = 24 * 60 * 60 * 1000;

/** `412 Events of this device were dropped before …: 400 over the number that is kept, 12 older than 7 days; the oldest …`. */
function messageOf({ count, byReason, since }: UntoldLoss, limits: LossEventParts['limits']): string {
  const words: Readonly<Record<DropReason, string>> = {
    count: 'over the number that is kept',
    bytes: 'over the bytes that are kept',
    age: `older than ${limits.eventAgeMs / MILLISECONDS_OF_A_DAY} days`,
  };
  const reasons = (['count', 'bytes', 'age'] as const)
    .filter((reason) => byReason[reason] > 0)
    .map((reason) => `${byReason[reason]} ${words[reason]}`);
  const oldest = since === undefined ? '' : `; the oldest was made at ${since}`;
  return `${count} Events of this device were dropped before the cloud was told of them: ${reasons.join(', ')}${oldest}`;
}
