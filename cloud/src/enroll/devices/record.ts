import {
  isJsonObject,
  isNodeName,
  isResourceVersion,
  type JsonObject,
  type JsonValue,
  type KeyHash,
  parseKeyHash,
} from '@hawser/protocol';
import { objectNameFor } from '../../object-names.ts';
import type { DeviceRecord, Revocation } from '../types.ts';

/** Marks the ConfigMaps of devices: `kubectl get configmaps -l hawser.dev/device`. */
export const DEVICE_LABEL = 'hawser.dev/device';

/** Of a reason for a revocation, in characters: it goes into a close frame's message, an HTTP answer and a table. */
export const MAX_REASON = 256;
/** Keys that were revoked under one name and replaced since; over it the oldest are forgotten. */
export const MAX_REVOKED_KEYS = 16;

/**
 * What a ConfigMap of a device says.
 *
 * | type | meaning |
 * |---|---|
 * | device | an enrolled device, revoked or not |
 * | revocation | a node whose device was never recorded is kept out |
 * | unreadable | somebody has edited it to something that says nothing for sure: whoever has that name is kept out |
 */
export type DeviceEntry = KnownEntry | { readonly type: 'unreadable'; readonly name: string; readonly why: string };

/** What may be written. */
export type KnownEntry =
  | {
      readonly type: 'device';
      readonly record: DeviceRecord;
      /** When a certificate was last let in under this name, never earlier than before. Undefined where somebody has taken it out. */
      readonly issuedAt: Date | undefined;
      /** Of devices of this name that were revoked and then replaced: none of them gets in again. The oldest first. */
      readonly revokedKeys: readonly KeyHash[];
    }
  | { readonly type: 'revocation'; readonly nodeName: string; readonly revoked: Revocation };

/** A record as it stands in the API server. */
export interface StoredRecord {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly entry: DeviceEntry;
  /** The whole ConfigMap, for whoever writes it anew: labels and annotations of others stay. */
  readonly body: JsonObject;
}

/** The name of the ConfigMap of a node's device. Two nodes never share one. */
export function recordName(nodeName: string): string {
  return objectNameFor('device-', nodeName);
}

/** Undefined for what is no object of an API server. Never throws: what is wrong in it makes the entry unreadable. */
export function readRecord(object: JsonObject): StoredRecord | undefined {
  const { name, uid, resourceVersion } = member(object, 'metadata');
  if (typeof name !== 'string' || name === '' || typeof uid !== 'string' || !isResourceVersion(resourceVersion)) return undefined;
  return { name, uid, resourceVersion, entry: readEntry(name, member(object, 'data')), body: object };
}

/** `data` of the ConfigMap. What others have written beside our own keys stays, when `before` is given. */
export function recordData(entry: KnownEntry, before: JsonObject = {}): Record<string, JsonValue> {
  const others = Object.entries(before).filter(([name]) => !OUR_KEYS.has(name));
  return Object.fromEntries([...others, ...ownData(entry).filter(([, value]) => value !== undefined && value !== '')]) as Record<
    string,
    JsonValue
  >;
}

/** One line without what a terminal or a header could take for more than text, cut to MAX_REASON. */
export function reasonText(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
    .slice(0, MAX_REASON)
    .trimEnd()
    .toWellFormed();
}

const OUR_KEYS: ReadonlySet<string> = new Set([
  'node',
  'key',
  'nextKey',
  'enrolledAt',
  'issuedAt',
  'validTo',
  'revokedAt',
  'revokedReason',
  'revokedKeys',
]);

function ownData(entry: KnownEntry): readonly (readonly [string, string | undefined])[] {
  if (entry.type === 'revocation') return [['node', entry.nodeName], ...revocationData(entry.revoked)];
  const { nodeName, key, nextKey, enrolledAt, validTo, revoked } = entry.record;
  return [
    ['node', nodeName],
    ['key', key],
    ['nextKey', nextKey],
    ['enrolledAt', timestamp(enrolledAt)],
    ['issuedAt', entry.issuedAt === undefined ? undefined : timestamp(entry.issuedAt)],
    ['validTo', timestamp(validTo)],
    ...revocationData(revoked),
    ['revokedKeys', entry.revokedKeys.join('\n')],
  ];
}

function revocationData(revoked: Revocation | undefined): readonly (readonly [string, string | undefined])[] {
  return revoked === undefined
    ? []
    : [
        ['revokedAt', timestamp(revoked.at)],
        ['revokedReason', revoked.reason],
      ];
}

class Unreadable extends Error {}

function readEntry(name: string, data: JsonObject): DeviceEntry {
  try {
    return readKnown(name, data);
  } catch (error) {
    if (error instanceof Unreadable) return { type: 'unreadable', name, why: error.message };
    throw error;
  }
}

function readKnown(name: string, data: JsonObject): KnownEntry {
  const nodeName = textAt(data, 'node') ?? '';
  if (!isNodeName(nodeName) || recordName(nodeName) !== name) throw new Unreadable('node is not the one that its name is for');
  const revoked = revocationAt(data);
  const key = keyAt(data, 'key');
  const [nextKey, enrolledAt, validTo] = [keyAt(data, 'nextKey'), timeAt(data, 'enrolledAt'), timeAt(data, 'validTo')];
  const issuedAt = timeAt(data, 'issuedAt');
  const revokedKeys = revokedKeysAt(data);
  if (key === undefined) {
    if (nextKey !== undefined || enrolledAt !== undefined || validTo !== undefined) throw new Unreadable('key is missing');
    if (revoked === undefined) throw new Unreadable('it has neither key nor revokedAt');
    return { type: 'revocation', nodeName, revoked };
  }
  if (enrolledAt === undefined || validTo === undefined) throw new Unreadable('enrolledAt or validTo is missing');
  return { type: 'device', record: { nodeName, key, nextKey, enrolledAt, validTo, revoked }, issuedAt, revokedKeys };
}

/** A reason without a time may be half of a revocation, so it does not read as none. */
function revocationAt(data: JsonObject): Revocation | undefined {
  const [at, reason] = [timeAt(data, 'revokedAt'), textAt(data, 'revokedReason')];
  if (at === undefined && reason !== undefined) throw new Unreadable('revokedReason stands there without revokedAt');
  return at === undefined ? undefined : { at, reason: reasonText(reason ?? '') };
}

function revokedKeysAt(data: JsonObject): readonly KeyHash[] {
  const words = (textAt(data, 'revokedKeys') ?? '').split(/\s+/).filter((word) => word !== '');
  return words.slice(-MAX_REVOKED_KEYS).map((word) => hashOf(word, 'revokedKeys'));
}

function keyAt(data: JsonObject, name: string): KeyHash | undefined {
  const text = textAt(data, name);
  return text === undefined ? undefined : hashOf(text, name);
}

function hashOf(text: string, name: string): KeyHash {
  const hash = parseKeyHash(text);
  if (hash === undefined) throw new Unreadable(`${name} is no sha256:HEX of a key`);
  return hash;
}

/** RFC 3339 in UTC, as it is written here and by `date -u +%FT%TZ`. */
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$/;

function timeAt(data: JsonObject, name: string): Date | undefined {
  const text = textAt(data, name);
  if (text === undefined) return undefined;
  const time = TIME.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw new Unreadable(`${name} is no time such as 2030-01-31T00:00:00Z`);
  return new Date(time);
}

function textAt(data: JsonObject, name: string): string | undefined {
  const value = data[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw new Unreadable(`${name} is no text`);
  return value.trim() === '' ? undefined : value.trim();
}

function member(object: JsonObject, name: string): JsonObject {
  const value = object[name];
  return isJsonObject(value) ? value : {};
}

/** In whole seconds, as Kubernetes writes times; a time before year 0 or after 9999 cannot come here from a certificate. */
export function timestamp(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
