import { HawserError } from '@hawser/protocol';
import type { Clock } from '../../clock.ts';
import type { Revocation } from '../types.ts';
import { decideRevoke, decideUnrevoke } from './decide.ts';
import type { DeviceEntry } from './record.ts';
import type { RecordStore } from './record-store.ts';
import { type DeviceState, nodeOf, stateOf } from './table.ts';

/** What the admission policy of the chart's `protectNodes` wants to see on a Node before it is deleted. */
export const MAY_BE_DELETED = 'hawser.dev/may-be-deleted';

/** One record, for a person or a program: times are RFC 3339, what is not known is null. */
export interface DeviceReport {
  /** Null where the record cannot be read and does not tell it. */
  readonly node: string | null;
  readonly record: string;
  /** `ended`: enrolled, and its last certificate has ended; it can be renewed within the grace. */
  readonly state: DeviceState | 'ended';
  readonly key: string | null;
  readonly nextKey: string | null;
  readonly enrolledAt: string | null;
  /** When its last certificate was issued. */
  readonly issuedAt: string | null;
  readonly validTo: string | null;
  readonly revokedAt: string | null;
  readonly revokedReason: string | null;
  /** Why it cannot be read. */
  readonly problem: string | null;
}

export interface Revoked {
  /** It was so before: nothing was written. */
  readonly wasBefore: boolean;
  readonly revocation: Revocation;
  /** Whether a device of that name had joined. */
  readonly hadRecord: boolean;
}

/** What an administrator does to records, with the administrator's own rights. All throw what `RecordStore` throws. */
export interface DeviceAdministration {
  revoke(nodeName: string, reason: string): Promise<Revoked>;
  /** @returns the revocation that was taken back; undefined where there was none */
  unrevoke(nodeName: string): Promise<Revocation | undefined>;
  /** Deletes the Node, also where `protectNodes` of the chart guards it. @returns whether it was there */
  forget(nodeName: string): Promise<boolean>;
  /** By name of the node. */
  devices(): Promise<readonly DeviceReport[]>;
}

export function createDeviceAdministration(store: RecordStore, clock: Pick<Clock, 'now'>): DeviceAdministration {
  return {
    async revoke(nodeName, reason) {
      const { decision, before, after } = await store.change(nodeName, (entry) =>
        decideRevoke(entry, nodeName, reason, clock.now()),
      );
      const revocation = after === undefined ? undefined : revocationIn(after.entry);
      if (revocation === undefined)
        throw new HawserError('unreachable', `the record of ${nodeName} is not revoked after the write`);
      return { wasBefore: decision.type === 'unchanged', revocation, hadRecord: before?.entry.type === 'device' };
    },
    async unrevoke(nodeName) {
      const { decision, before } = await store.change(nodeName, (entry) => decideUnrevoke(entry, nodeName));
      if (decision.type === 'refused') throw new HawserError('malformed_object', decision.message);
      return decision.type === 'unchanged' || before === undefined ? undefined : revocationIn(before.entry);
    },
    async forget(nodeName) {
      const path = `/api/v1/nodes/${nodeName}`;
      for (const call of [
        () => store.call('PATCH', path, { metadata: { annotations: { [MAY_BE_DELETED]: 'yes' } } }),
        () => store.call('DELETE', path),
      ]) {
        const answer = await call();
        if (answer.type === 'object' || answer.type === 'success') continue;
        if (answer.type === 'refused' && answer.status.code === 404) return false;
        const said = 'status' in answer ? answer.status.message : answer.message;
        throw new HawserError('unreachable', `the Node ${nodeName} was not deleted: ${said}`);
      }
      return true;
    },
    async devices() {
      const now = clock.now();
      const reports = (await store.list()).map(({ name, entry }) => reportOn(name, entry, now));
      return reports.toSorted((a, b) => (a.node ?? a.record).localeCompare(b.node ?? b.record, 'en'));
    },
  };
}

function revocationIn(entry: DeviceEntry): Revocation | undefined {
  if (entry.type === 'unreadable') return undefined;
  return entry.type === 'revocation' ? entry.revoked : entry.record.revoked;
}

function reportOn(name: string, entry: DeviceEntry, now: Date): DeviceReport {
  const record = entry.type === 'device' ? entry.record : undefined;
  const revocation = revocationIn(entry);
  const state = stateOf(entry);
  const hasEnded = record !== undefined && record.validTo < now && state !== 'revoked';
  return {
    node: nodeOf(entry) ?? null,
    record: name,
    state: hasEnded ? 'ended' : state,
    key: record?.key ?? null,
    nextKey: record?.nextKey ?? null,
    enrolledAt: record?.enrolledAt.toISOString() ?? null,
    issuedAt: (entry.type === 'device' ? entry.issuedAt : undefined)?.toISOString() ?? null,
    validTo: record?.validTo.toISOString() ?? null,
    revokedAt: revocation?.at.toISOString() ?? null,
    revokedReason: revocation?.reason ?? null,
    problem: entry.type === 'unreadable' ? entry.why : null,
  };
}
