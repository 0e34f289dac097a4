import { HawserError, isJsonObject, type JsonObject, resourceById, resourcePath } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../../clock.ts';
import { type Answer, type ApiCall, type CallCounts, callApi, type NodeApi } from '../../upstream/index.ts';
import type { Decision } from './decide.ts';
import { readList } from './lists.ts';
import {
  DEVICE_LABEL,
  type DeviceEntry,
  type KnownEntry,
  readRecord,
  recordData,
  recordName,
  type StoredRecord,
} from './record.ts';

/** Others write the same record; after so many conflicts the caller hears that it did not work. */
const MAX_TRIES = 5;
/** Records in one page of a list: one has about 1 KB. */
const PAGE = 500;
const DATA_MEMBER = { apiVersion: 'v1', kind: 'ConfigMap' } as const;

export interface RecordStoreOptions {
  readonly api: NodeApi;
  readonly namespace: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly counts: CallCounts;
  readonly logger: Logger;
}

/** What came of a change. `after` is the record as it is now, where that was seen here. */
export interface Changed {
  readonly decision: Decision;
  readonly before: StoredRecord | undefined;
  readonly after: StoredRecord | undefined;
}

/**
 * Reads and writes records of devices in the API server: each write is of what was read just before, and takes place only if nobody
 * has written meanwhile.
 */
export interface RecordStore {
  /** @throws HawserError `unreachable` when the API server gives no answer, or refuses */
  read(nodeName: string): Promise<StoredRecord | undefined>;
  /** Reads, decides, and does what was decided; on a conflict anew. @throws as `read`, and what `decide` throws */
  change(nodeName: string, decide: (entry: DeviceEntry | undefined) => Decision | Promise<Decision>): Promise<Changed>;
  /** All records, page by page. @throws as `read` */
  list(): Promise<readonly StoredRecord[]>;
  /** One call with the same rights, for what belongs to a record; a PATCH is a merge patch. @throws as `read` */
  call(method: ApiCall['method'], path: string, body?: JsonObject): Promise<Answer>;
}

export function createRecordStore(options: RecordStoreOptions): RecordStore {
  const { namespace } = options;
  const resource = resourceById('configmaps');
  if (resource === undefined) throw new HawserError('unsupported', 'no ConfigMaps in the resource table');
  const collection = resourcePath(resource, namespace);
  const pathOf = (nodeName: string) => resourcePath(resource, namespace, recordName(nodeName));

  async function call(method: ApiCall['method'], path: string, body?: JsonObject): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : undefined;
    const answer = await callApi(options, { method, path, body: text, contentType }, undefined);
    if (answer.type === 'unavailable') throw new HawserError('unreachable', answer.message);
    return answer;
  }

  async function read(nodeName: string): Promise<StoredRecord | undefined> {
    const answer = await call('GET', pathOf(nodeName));
    if (isNotFound(answer)) return undefined;
    return recordIn(answer, `the record of ${nodeName} was not read`);
  }

  /** Undefined when somebody else was faster. */
  async function write(nodeName: string, before: StoredRecord | undefined, entry: KnownEntry): Promise<StoredRecord | undefined> {
    const answer =
      before === undefined
        ? await call('POST', collection, newObject(nodeName, namespace, entry))
        : await call('PUT', pathOf(nodeName), changedObject(before, entry));
    if (answer.type === 'alreadyExists' || answer.type === 'conflict' || (before !== undefined && isNotFound(answer)))
      return undefined;
    return recordIn(answer, `the record of ${nodeName} was not written`);
  }

  async function remove(nodeName: string, { uid, resourceVersion }: StoredRecord): Promise<boolean> {
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid, resourceVersion } };
    const answer = await call('DELETE', pathOf(nodeName), body);
    if (answer.type === 'conflict') return false;
    if (answer.type !== 'object' && answer.type !== 'success' && !isNotFound(answer)) {
      throw refusedBy(answer, `the record of ${nodeName} was not removed`);
    }
    return true;
  }

  return {
    read,
    call,
    async change(nodeName, decide) {
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        const before = await read(nodeName);
        const decision = await decide(before?.entry);
        if (decision.type === 'write') {
          const after = await write(nodeName, before, decision.entry);
          if (after !== undefined) return { decision, before, after };
        } else if (decision.type === 'remove' && before !== undefined) {
          if (await remove(nodeName, before)) return { decision, before, after: undefined };
        } else {
          return { decision, before, after: before };
        }
      }
      throw new HawserError('unreachable', `the record of ${nodeName} was changed by others ${MAX_TRIES} times meanwhile`);
    },
    async list() {
      const records: StoredRecord[] = [];
      let page = '';
      for (;;) {
        const query = `labelSelector=${encodeURIComponent(DEVICE_LABEL)}&limit=${PAGE}${page}`;
        const { items, continueToken } = await readList(
          options,
          `${collection}?${query}`,
          'the records of devices were not listed',
        );
        for (const item of items) {
          const record = readRecord(item);
          if (record !== undefined) records.push(record);
        }
        if (continueToken === '') return records;
        page = `&continue=${encodeURIComponent(continueToken)}`;
      }
    },
  };
}

function newObject(nodeName: string, namespace: string, entry: KnownEntry): JsonObject {
  const metadata = { name: recordName(nodeName), namespace, labels: { [DEVICE_LABEL]: 'true' } };
  return { ...DATA_MEMBER, metadata, data: recordData(entry) };
}

/** What others have put on it stays. */
function changedObject({ body }: StoredRecord, entry: KnownEntry): JsonObject {
  const metadata = isJsonObject(body.metadata) ? body.metadata : {};
  const labels = isJsonObject(metadata.labels) ? metadata.labels : {};
  const data = isJsonObject(body.data) ? body.data : {};
  return {
    ...body,
    ...DATA_MEMBER,
    metadata: { ...metadata, labels: { ...labels, [DEVICE_LABEL]: 'true' } },
    data: recordData(entry, data),
  };
}

function recordIn(answer: Answer, what: string): StoredRecord {
  const record = answer.type === 'object' ? readRecord(answer.object.body) : undefined;
  if (record === undefined) throw refusedBy(answer, what);
  return record;
}

function isNotFound(answer: Answer): boolean {
  return answer.type === 'refused' && answer.status.code === 404;
}

function refusedBy(answer: Answer, what: string): HawserError {
  const said = 'status' in answer ? answer.status.message : 'message' in answer ? answer.message : 'the answer is no ConfigMap';
  return new HawserError('unreachable', `${what}: ${said}`);
}
