import { type ApiResource, HawserError, parseObjectKey, resourceById } from '@hawser/protocol';
import type { Logger } from 'pino';
import { type ApiClient, createReflector, type IdentityCheck } from '../../apiserver/index.ts';
import type { Clock } from '../../clock.ts';
import { jsonObjectIn } from '../../json-object.ts';
import type { Change, ReflectorStatus } from '../../merge/change.ts';
import type { CallCounts } from '../../upstream/index.ts';
import { Listeners } from '../listeners.ts';
import type { Devices, DeviceVerdict, EnrolRequest, RecordOutcome } from '../types.ts';
import { createChores } from './chores.ts';
import { type Decision, decideEnrol, decideLinked, decideRenewing, type Replaced } from './decide.ts';
import { hasNode } from './lists.ts';
import { DEVICE_LABEL, readRecord, type StoredRecord } from './record.ts';
import { type Changed, createRecordStore } from './record-store.ts';
import { REPLACED_EVENTS_PATH, replacedEvent, shownKey } from './replaced-event.ts';
import { SecondLooks } from './second-looks.ts';
import { type DeviceState, DeviceTable } from './table.ts';
import { judge } from './verdict.ts';

const DAY_MS = 24 * 3_600_000;

export interface DevicesOptions {
  readonly client: ApiClient;
  /** The relay's own. */
  readonly namespace: string;
  /** How long after the end of its last certificate a device still holds its name. */
  readonly graceDays: number;
  /** Told in Events which relay writes: its host's name. */
  readonly instance: string;
  readonly clock: Clock;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly counts: CallCounts;
  readonly identity: IdentityCheck;
  /** The API server is behind where it was. Returns whether that led to a call of `restored`; see createReplicas. */
  readonly onRestored: (detail: string) => boolean;
  readonly onStatus: () => void;
}

/** The records of all devices, kept current by a watch. */
export interface WatchedDevices extends Devices {
  start(): void;
  stop(): Promise<void>;
  /** The API server was restored from a backup, whoever has noticed it: nobody is let in before the records were listed anew. */
  restored(detail: string): void;
  /** Under the name `devices`: there is another watch of ConfigMaps. */
  status(): ReflectorStatus;
  counts(): ReadonlyMap<DeviceState, number>;
}

export function createDevices(options: DevicesOptions): WatchedDevices {
  const { client, namespace, clock, random, logger, counts, instance } = options;
  const graceMs = options.graceDays * DAY_MS;
  const store = createRecordStore({ api: client, namespace, clock, counts, logger });
  const table = new DeviceTable();
  const chores = createChores({ clock, random, logger });
  const listeners = new Listeners<[nodeName: string]>();
  const looks = new SecondLooks({
    async read(nodeName) {
      const record = await store.read(nodeName);
      if (record !== undefined) put(record);
    },
    clock,
    logger,
  });

  const reflector = createReflector({
    resource: configMaps(),
    client,
    namespace,
    labelSelector: DEVICE_LABEL,
    clock,
    random,
    logger: logger.child({ of: 'devices' }),
    identity: options.identity,
    // An empty list would let everybody in that is revoked.
    confirmsEmpty: true,
    onRestored(detail) {
      table.clear();
      options.onRestored(detail);
    },
    emit: take,
    onStatus: options.onStatus,
  });

  function take(change: Change): void {
    if (change.type === 'delete') {
      table.gone(parseObjectKey(change.key).name, change.resourceVersion);
      return;
    }
    const { text } = change.object;
    const record = text === undefined ? undefined : readRecord(jsonObjectIn(text));
    if (record !== undefined) put(record);
  }

  function put(record: StoredRecord): void {
    const { isNews, nodeName } = table.put(record);
    if (!isNews) return;
    const { entry, name } = record;
    if (entry.type === 'unreadable')
      logger.error({ name, namespace, node: nodeName, why: entry.why }, 'record of a device cannot be read');
    if (nodeName === undefined) return;
    listeners.tell(nodeName);
  }

  function isSynced(): boolean {
    const { state } = reflector.status();
    return state === 'synced' || state === 'notServed';
  }

  function verdict(...[nodeName, key, issuedAt]: Parameters<Devices['verdict']>): DeviceVerdict {
    if (!isSynced()) return { type: 'refused', why: 'notSynced', text: 'the relay has not read the records of devices yet' };
    return judge(nodeName, table.entry(nodeName), key, issuedAt);
  }

  function outcomeOf({ decision, after }: Changed): RecordOutcome {
    if (after !== undefined) put(after);
    return decision.type === 'refused' ? decision : { type: 'written' };
  }

  function tellReplaced(request: EnrolRequest, replaces: Replaced): void {
    const { nodeName, key, remote } = request;
    const older = replaces.type !== 'unrecorded' && replaces.key !== undefined ? shownKey(replaces.key) : undefined;
    logger.warn({ node: nodeName, remote, key: shownKey(key), older, was: replaces.type }, 'device replaced');
    const event = replacedEvent(request, replaces, clock.now(), instance);
    chores.add(`event on ${nodeName}`, async () => {
      const answer = await store.call('POST', REPLACED_EVENTS_PATH, event);
      if (answer.type === 'object' || answer.type === 'alreadyExists') return;
      logger.warn({ node: nodeName, answer: answer.type }, 'event of a replaced device not taken');
    });
  }

  return {
    verdict,
    lookAgain: (nodeName) => looks.look(nodeName),
    async enrol(request) {
      const { nodeName } = request;
      const changed = await store.change(nodeName, async (entry): Promise<Decision> => {
        const isHeld = entry === undefined && (await hasNode({ api: client, counts }, nodeName));
        return decideEnrol(entry, request, { hasNode: isHeld, now: clock.now(), graceMs });
      });
      const { decision } = changed;
      if (decision.type === 'write' && decision.replaces !== undefined) tellReplaced(request, decision.replaces);
      return outcomeOf(changed);
    },
    async renewing(nodeName, key, nextKey, validTo, issuedAt) {
      const renewing = { nodeName, key, issuedAt, nextKey, validTo, now: clock.now() };
      return outcomeOf(await store.change(nodeName, (entry) => decideRenewing(entry, renewing)));
    },
    linked(nodeName, key, issuedAt) {
      if (decideLinked(table.entry(nodeName), key, issuedAt).type === 'unchanged') return;
      chores.add(`next key of ${nodeName}`, async () => {
        outcomeOf(await store.change(nodeName, (entry) => decideLinked(entry, key, issuedAt)));
      });
    },
    onChange: (listener) => listeners.add(listener),
    start: () => reflector.start(),
    async stop() {
      await chores.stop();
      await reflector.stop();
    },
    restored(detail) {
      void reflector.listAnew('newEpoch', detail);
      table.clear();
    },
    status: () => ({ ...reflector.status(), resource: 'devices' }),
    counts: () => table.counts(),
  };
}

function configMaps(): ApiResource {
  const resource = resourceById('configmaps');
  if (resource === undefined) throw new HawserError('unsupported', 'no ConfigMaps in the resource table');
  return resource;
}
