import type { KeyHash, RefusalReason } from '@hawser/protocol';
import type { DeviceRecord, EnrolRequest } from '../types.ts';
import { type DeviceEntry, type KnownEntry, MAX_REVOKED_KEYS, reasonText } from './record.ts';
import { isNewer, judge, revocationText } from './verdict.ts';

/** What is to become of a record. */
export type Decision =
  | { readonly type: 'write'; readonly entry: KnownEntry; readonly replaces: Replaced | undefined }
  | { readonly type: 'remove' }
  | { readonly type: 'unchanged' }
  | { readonly type: 'refused'; readonly reason: RefusalReason; readonly message: string };

/**
 * From whom a name was taken.
 * - living: a device that could have linked
 * - revoked: one that could not
 * - unrecorded: a Node that is there without a record
 */
export type Replaced =
  | { readonly type: 'living' | 'revoked'; readonly key: KeyHash | undefined }
  | { readonly type: 'unrecorded' };

export interface EnrolCircumstances {
  /** Whether a Node of that name is there; asked only where there is no record. */
  readonly hasNode: boolean;
  readonly now: Date;
  /** A device whose last certificate ended no longer ago than this lives: it may be renewed. */
  readonly graceMs: number;
}

type KnownDevice = Extract<KnownEntry, { type: 'device' }>;

/** Before there was a record. */
const NOTHING = { issuedAt: undefined, revokedKeys: [] } as const;

const REPLACE_HINT = 'join with --replace and a token that an administrator has made for replacing';

/** A device joins. The rules are those of `Devices.enrol`. */
export function decideEnrol(entry: DeviceEntry | undefined, request: EnrolRequest, circumstances: EnrolCircumstances): Decision {
  const { nodeName, mayReplace } = request;
  if (entry === undefined) {
    if (!circumstances.hasNode) return take(request, circumstances, NOTHING, undefined);
    if (mayReplace) return take(request, circumstances, NOTHING, { type: 'unrecorded' });
    return refused(
      'nameHeld',
      `a Node ${nodeName} is there that did not join as a device: choose another name, or ${REPLACE_HINT}`,
    );
  }
  switch (entry.type) {
    case 'unreadable':
      // It may say that this very key is revoked.
      return refused('nameHeld', unreadableText(nodeName, entry.name));
    case 'revocation':
      // Which key it was is not known: a token that may replace is an administrator's word that this is another device.
      if (mayReplace) return take(request, circumstances, NOTHING, { type: 'revoked', key: undefined });
      return refused('revoked', `${revocationText(nodeName, entry.revoked)}; for another device, ${REPLACE_HINT}`);
    case 'device':
      return decideEnrolOver(entry, request, circumstances);
  }
}

function decideEnrolOver(entry: KnownDevice, request: EnrolRequest, circumstances: EnrolCircumstances): Decision {
  const { nodeName, key, validTo, mayReplace } = request;
  const { now, graceMs } = circumstances;
  const { record, revokedKeys, issuedAt } = entry;
  const isSame = key === record.key || key === record.nextKey;
  if (record.revoked !== undefined) {
    const text = revocationText(nodeName, record.revoked);
    if (isSame || revokedKeys.includes(key)) return refused('revoked', text);
    if (!mayReplace) return refused('revoked', `${text}; for another device, ${REPLACE_HINT}`);
    const lost = [...revokedKeys, record.key, ...(record.nextKey === undefined ? [] : [record.nextKey])];
    return take(
      request,
      circumstances,
      { issuedAt, revokedKeys: lost.slice(-MAX_REVOKED_KEYS) },
      { type: 'revoked', key: record.key },
    );
  }
  if (revokedKeys.includes(key))
    return refused('revoked', `this key of ${nodeName} was revoked, and another device has its name`);
  if (isSame) {
    // What else it had, it has dropped by joining.
    const kept = { ...record, key, nextKey: undefined, validTo: later(record.validTo, validTo) };
    return { type: 'write', entry: { ...entry, record: kept, issuedAt: latest(issuedAt, now) }, replaces: undefined };
  }
  const isLiving = record.validTo.getTime() + graceMs >= now.getTime();
  if (!isLiving) return take(request, circumstances, entry, undefined);
  if (mayReplace) return take(request, circumstances, entry, { type: 'living', key: record.key });
  return refused('nameHeld', `another device has the name ${nodeName}: choose another one, or ${REPLACE_HINT}`);
}

export interface Renewing {
  readonly nodeName: string;
  readonly key: KeyHash;
  /** When the certificate of `key` begins. */
  readonly issuedAt: Date | undefined;
  readonly nextKey: KeyHash;
  readonly validTo: Date;
  readonly now: Date;
}

/** The device with `key` is to have a certificate for `nextKey`; `key` is known to be its own. */
export function decideRenewing(entry: DeviceEntry | undefined, renewing: Renewing): Decision {
  const { nodeName, key, nextKey, validTo, now } = renewing;
  if (entry?.type === 'unreadable') return refused('notNow', unreadableText(nodeName, entry.name));
  if (entry?.type === 'revocation') return refused('revoked', revocationText(nodeName, entry.revoked));
  if (entry === undefined) {
    // Its certificate was issued before there were records, or the record was lost with a restored backup: from here on there is one.
    const record = { nodeName, key, nextKey, enrolledAt: now, validTo, revoked: undefined };
    return { type: 'write', entry: { type: 'device', record, issuedAt: now, revokedKeys: [] }, replaces: undefined };
  }
  const { record, revokedKeys, issuedAt } = entry;
  if (record.revoked !== undefined) return refused('revoked', revocationText(nodeName, record.revoked));
  if (revokedKeys.includes(key) || revokedKeys.includes(nextKey)) {
    return refused('revoked', `this key of ${nodeName} was revoked, and another device has its name`);
  }
  if (key !== record.key && key !== record.nextKey && !isNewer(entry, renewing.issuedAt)) {
    return refused('otherKey', `another key holds the name ${nodeName}: the device has been replaced, or joined anew`);
  }
  const next = {
    ...promoted(record, key),
    nextKey: nextKey === key ? undefined : nextKey,
    validTo: later(record.validTo, validTo),
  };
  return { type: 'write', entry: { ...entry, record: next, issuedAt: latest(issuedAt, now) }, replaces: undefined };
}

/** A link was opened with `key`. Both keys of one that was revoked meanwhile stay in its record, so that both are kept out. */
export function decideLinked(entry: DeviceEntry | undefined, key: KeyHash, issuedAt?: Date): Decision {
  if (entry?.type !== 'device' || judge(entry.record.nodeName, entry, key, issuedAt).type === 'refused')
    return { type: 'unchanged' };
  if (key === entry.record.key) return { type: 'unchanged' };
  const known = issuedAt === undefined ? entry.issuedAt : latest(entry.issuedAt, issuedAt);
  return { type: 'write', entry: { ...entry, record: promoted(entry.record, key), issuedAt: known }, replaces: undefined };
}

/** An administrator revokes. One that is revoked already stays so, with its first reason; an unreadable record gives way. */
export function decideRevoke(entry: DeviceEntry | undefined, nodeName: string, reason: string, now: Date): Decision {
  const revoked = { at: now, reason: reasonText(reason) };
  if (entry === undefined || entry.type === 'unreadable') {
    return { type: 'write', entry: { type: 'revocation', nodeName, revoked }, replaces: undefined };
  }
  if (entry.type === 'revocation' || entry.record.revoked !== undefined) return { type: 'unchanged' };
  return { type: 'write', entry: { ...entry, record: { ...entry.record, revoked } }, replaces: undefined };
}

/** An administrator takes a revocation back. Keys that were revoked and replaced since stay out. */
export function decideUnrevoke(entry: DeviceEntry | undefined, nodeName: string): Decision {
  if (entry?.type === 'unreadable') return refused('notNow', unreadableText(nodeName, entry.name));
  if (entry?.type === 'revocation') return { type: 'remove' };
  if (entry?.record.revoked === undefined) return { type: 'unchanged' };
  return { type: 'write', entry: { ...entry, record: { ...entry.record, revoked: undefined } }, replaces: undefined };
}

function take(
  { nodeName, key, validTo }: EnrolRequest,
  { now }: EnrolCircumstances,
  before: Pick<KnownDevice, 'issuedAt' | 'revokedKeys'>,
  replaces: Replaced | undefined,
): Decision {
  const record = { nodeName, key, nextKey: undefined, enrolledAt: now, validTo, revoked: undefined };
  const { issuedAt, revokedKeys } = before;
  return { type: 'write', entry: { type: 'device', record, issuedAt: latest(issuedAt, now), revokedKeys }, replaces };
}

/** With `key` as the only one, unless it was the first of the two before. */
function promoted(record: DeviceRecord, key: KeyHash): DeviceRecord {
  return key === record.key ? record : { ...record, key, nextKey: undefined };
}

/** The clocks of replicas differ, and of what one has issued the others must not think that it is newer. */
function latest(before: Date | undefined, at: Date): Date {
  return before === undefined ? at : later(before, at);
}

function later(a: Date, b: Date): Date {
  return a > b ? a : b;
}

function unreadableText(nodeName: string, name: string): string {
  return `the record of ${nodeName} cannot be read: an administrator has to look at ConfigMap ${name}`;
}

function refused(reason: RefusalReason, message: string): Decision {
  return { type: 'refused', reason, message };
}
