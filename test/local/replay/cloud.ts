import type { CloudAnswer } from '@hawser/edge';
import type { KubeObject, Report } from '@hawser/protocol';
import { fieldsOf, isFields, itemsOf, numberOf, textOf } from '../../apiserver/policy/fields.ts';
import { contentOf, type Exchange } from '../../replay/recording.ts';
import type { LocalDevice } from '../device.ts';
import type { Step } from './runs.ts';

/** A state that an object had in the recorded cluster. */
interface Version {
  readonly revision: number;
  /** In the time of the run: when it was seen first. */
  readonly atMs: number;
  readonly object: KubeObject;
  readonly isDeleted: boolean;
}

/** Kinds that the relay sends to a device by itself. */
const SENT: ReadonlySet<string> = new Set([
  ...[
    'Node',
    'Pod',
    'ConfigMap',
    'Secret',
    'Service',
    'Namespace',
    'ServiceAccount',
    'PersistentVolume',
    'PersistentVolumeClaim',
  ],
  ...['Endpoints', 'EndpointSlice', 'RuntimeClass', 'CSIDriver', 'VolumeAttachment'],
]);

/**
 * The cloud of a recorded run: every state of every object that the recording shows goes down to the device when it was there in the
 * cluster, whoever made it; what the device reports is answered with the uid and resourceVersion that the recorded server gave; and
 * its questions are answered as the recorded server answered the request that is under way.
 */
export class RecordedCloud {
  readonly #node: string;
  readonly #versions: Version[];
  /** Newest revision that was sent, by uid. */
  readonly #sent = new Map<string, number>();
  /** By uid. */
  readonly #held = new Map<string, KubeObject>();
  #current: Exchange | undefined;

  constructor(node: string, steps: readonly Step[], seeds: readonly KubeObject[]) {
    this.#node = node;
    const all = [
      ...seeds.map((object) => ({ revision: revisionOf(object), atMs: 0, object, isDeleted: false })),
      ...steps.flatMap(versionsIn),
    ];
    const results = resultsOf(steps);
    this.#versions = all
      // What the kubelet has made of it comes back when its report has arrived.
      .filter(({ revision, object, isDeleted }) => SENT.has(object.kind) && (isDeleted || !results.has(revision)))
      .sort((a, b) => a.revision - b.revision);
  }

  /** The request that is sent now. */
  begin(exchange: Exchange): void {
    this.#current = exchange;
  }

  /** An administrator has deleted it. */
  afterDelete(device: LocalDevice, { request, response }: Exchange): void {
    const details = fieldsOf(fieldsOf(contentOf(response.body)).details);
    const object = this.#held.get(textOf(details.uid));
    if (request.method === 'DELETE' && response.status === 200 && object !== undefined) {
      this.#drop(device, object, Number.POSITIVE_INFINITY);
    }
  }

  /** Times at which something is sent, up to that one. */
  timesUpTo(atMs: number): number[] {
    return [...new Set(this.#versions.filter((version) => version.atMs <= atMs).map((version) => version.atMs))].sort(
      (a, b) => a - b,
    );
  }

  /** What was in the cluster at that time, and what the answer to that request shows. */
  catchUp(device: LocalDevice, atMs: number, exchange?: Exchange): void {
    const shown = exchange === undefined ? 0 : shownRevision(exchange);
    this.#send(device, ({ atMs: seenAt, revision }) => seenAt <= atMs || revision <= shown);
  }

  /** As a relay: applied, and the object as it is in the cluster now comes back. */
  answerReports(device: LocalDevice): void {
    const exchange = this.#current;
    for (;;) {
      const reports = device.store.outbox.pending(100);
      if (reports.length === 0 || exchange === undefined) return;
      for (const report of reports) this.#answer(device, report, exchange);
    }
  }

  #answer(device: LocalDevice, report: Report, exchange: Exchange): void {
    const object = bodyOf(exchange);
    const { uid = '', resourceVersion = '' } = object?.metadata ?? {};
    device.store.outbox.answer(report.number, { type: 'applied', uid, resourceVersion, name: report.name });
    if (object === undefined || !SENT.has(object.kind)) return;
    const revision = revisionOf(object);
    if (exchange.request.method === 'DELETE') this.#drop(device, object, revision);
    else if (revision > (this.#sent.get(uid) ?? 0)) this.#put(device, object, revision);
  }

  readonly answer = (): CloudAnswer => {
    const exchange = this.#current;
    const body = exchange === undefined ? undefined : contentOf(exchange.response.body);
    if (exchange === undefined || !isFields(body)) return { type: 'offline' };
    const { status } = exchange.response;
    if (status < 300) return { type: 'found', cached: false, body: JSON.stringify(body) };
    const said = { code: status, reason: textOf(body.reason), message: textOf(body.message) };
    if (status === 404) return { type: 'notFound', ...said };
    return { type: status === 403 ? 'forbidden' : 'refused', ...said };
  };

  #send(device: LocalDevice, isDue: (version: Version) => boolean): void {
    for (const version of this.#versions.filter(isDue)) {
      this.#versions.splice(this.#versions.indexOf(version), 1);
      const { object, revision, isDeleted } = version;
      const uid = object.metadata.uid ?? '';
      if (revision <= (this.#sent.get(uid) ?? 0) || !this.#isOfDevice(object)) continue;
      if (isDeleted) this.#drop(device, object, revision);
      else this.#put(device, object, revision);
    }
  }

  #put(device: LocalDevice, object: KubeObject, revision: number): void {
    const { uid = '' } = object.metadata;
    this.#sent.set(uid, revision);
    this.#held.set(uid, object);
    device.put(object);
  }

  #drop(device: LocalDevice, object: KubeObject, revision: number): void {
    const { uid = '' } = object.metadata;
    if (!this.#held.delete(uid)) return;
    this.#sent.set(uid, revision);
    device.drop(object);
  }

  #isOfDevice(object: KubeObject): boolean {
    if (object.kind === 'Pod') return fieldsOf(object.spec).nodeName === this.#node;
    return object.kind !== 'Node' || object.metadata.name === this.#node;
  }
}

/** Revisions that the kubelet's own writes have made: a write that changes nothing answers with one that was answered before. */
function resultsOf(steps: readonly Step[]): ReadonlySet<number> {
  const answered = new Set<number>();
  const made = new Set<number>();
  for (const { exchange } of steps) {
    const revision = revisionOf(bodyOf(exchange));
    if (isOwnWrite(exchange) && !answered.has(revision)) made.add(revision);
    answered.add(revision);
  }
  return made;
}

/** A kubelet patches once with nothing: what is answered then was there. */
function isOwnWrite({ request, response }: Exchange): boolean {
  const isEmpty = request.method === 'PATCH' && isFields(request.body) && Object.keys(request.body).length === 0;
  return request.as.startsWith('system:node:') && request.method !== 'GET' && response.status < 300 && !isEmpty;
}

function bodyOf({ response }: Exchange): KubeObject | undefined {
  const [object] = wholeObjects(contentOf(response.body));
  return response.status < 300 ? object : undefined;
}

/** The newest revision that an answer to a read, or the beginning of a watch, is of; of a write, all before it. */
function shownRevision(exchange: Exchange): number {
  const body = fieldsOf(contentOf(exchange.response.body));
  const own = Number(textOf(fieldsOf(body.metadata).resourceVersion));
  if (exchange.request.method !== 'GET') return exchange.response.status < 300 ? own - 1 : 0;
  const [firstBookmark] = (exchange.response.events ?? []).filter(({ line }) => fieldsOf(line).type === 'BOOKMARK');
  const opened = Number(textOf(fieldsOf(fieldsOf(fieldsOf(firstBookmark?.line).object).metadata).resourceVersion));
  return Math.max(Number.isFinite(own) ? own : 0, Number.isFinite(opened) ? opened : 0);
}

function versionsIn({ atMs, exchange }: Step): Version[] {
  const body = contentOf(exchange.response.body);
  const answered = wholeObjects(body).map((object) => ({ revision: revisionOf(object), atMs, object, isDeleted: false }));
  const told = (exchange.response.events ?? []).flatMap(({ line, ...event }) => {
    const { type, object } = fieldsOf(line);
    const seenAt = atMs + (numberOf(event.atMs) ?? 0);
    return wholeObjects(object).map((whole) => ({
      ...{ revision: revisionOf(whole), atMs: seenAt, object: whole, isDeleted: type === 'DELETED' },
    }));
  });
  return [...answered, ...told];
}

function wholeObjects(body: unknown): KubeObject[] {
  if (!isFields(body)) return [];
  const kind = textOf(body.kind);
  if (kind === 'Table') return itemsOf(body.rows).flatMap((row) => wholeObjects(row.object));
  if (kind.endsWith('List')) {
    const type = { apiVersion: body.apiVersion, kind: kind.slice(0, -'List'.length) };
    return itemsOf(body.items).flatMap((item) => wholeObjects({ ...type, ...item }));
  }
  const metadata = fieldsOf(body.metadata);
  if (textOf(metadata.uid) === '' || textOf(metadata.resourceVersion) === '' || kind === 'PartialObjectMetadata') return [];
  const { managedFields: _managed, ...kept } = metadata;
  return [{ ...body, apiVersion: textOf(body.apiVersion), kind, metadata: kept }];
}

function revisionOf(object: KubeObject | undefined): number {
  return Number(object?.metadata.resourceVersion ?? 0);
}
