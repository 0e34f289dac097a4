import { create } from '@bufbuild/protobuf';
import * as pb from './gen/hawser/v1/link_pb.ts';
import type { ObjectKey } from './objectkey.ts';
import { boundedList, counterFromWire, keyFromWire, positiveFromWire, textFromWire, textToWire } from './wire.ts';

/** Resources of which the entries are told one by one; a device writes a dozen of them. */
export const MAX_OUTBOX_COUNTS = 32;
/** Objects that wait of which it is told why. */
export const MAX_BLOCKED = 16;
/** Of one reason, in characters. */
const MAX_WHY = 256;
/** Names of resources, workloads and states, and times: in characters. */
const MAX_WORD = 253;

/** What a device has still to tell, and how it is. Times as far as its own clock is right; spans are in ms. */
export interface DeviceState {
  /** Of the question. */
  readonly id: number;
  /** In ms since the epoch of Unix. */
  readonly timeMs: number;
  readonly outbox: {
    readonly entries: number;
    readonly bytes: number;
    /** How long ago the oldest entry was written; 0 without one. */
    readonly oldestMs: number;
    /** Those with the most first, at most MAX_OUTBOX_COUNTS. */
    readonly counts: readonly { readonly resource: string; readonly entries: number }[];
    /** At most MAX_BLOCKED. */
    readonly blocked: readonly BlockedObject[];
    readonly droppedEvents: number;
    readonly refusedReports: number;
  };
  readonly storeBytes: number;
  /** Undefined where it cannot be told. */
  readonly freeBytes: number | undefined;
  readonly workload: string;
  readonly kubelet: string;
  /** RFC 3339; empty before the first. */
  readonly lastSync: string;
  readonly startedAt: string;
}

export interface BlockedObject {
  readonly key: ObjectKey;
  readonly why: string;
  readonly ageMs: number;
}

export function deviceStateToWire(state: DeviceState): pb.DeviceState {
  const { outbox } = state;
  return create(pb.DeviceStateSchema, {
    id: BigInt(state.id),
    timeMs: BigInt(state.timeMs),
    outboxEntries: BigInt(outbox.entries),
    outboxBytes: BigInt(outbox.bytes),
    oldestMs: BigInt(outbox.oldestMs),
    counts: outbox.counts.map(({ resource, entries }) => create(pb.OutboxCountSchema, { resource, entries: BigInt(entries) })),
    blocked: outbox.blocked.map(({ key, why, ageMs }) =>
      create(pb.BlockedObjectSchema, { key, why: textToWire(why.slice(0, MAX_WHY)), ageMs: BigInt(ageMs) }),
    ),
    droppedEvents: BigInt(outbox.droppedEvents),
    refusedReports: BigInt(outbox.refusedReports),
    storeBytes: BigInt(state.storeBytes),
    ...(state.freeBytes === undefined ? {} : { freeBytes: BigInt(state.freeBytes) }),
    workload: state.workload,
    kubelet: state.kubelet,
    lastSync: state.lastSync,
    startedAt: state.startedAt,
  });
}

export function deviceStateFromWire(wire: pb.DeviceState): DeviceState {
  const field = (name: string) => `deviceState.${name}`;
  const count = (value: bigint, name: string) => counterFromWire(value, field(name));
  const word = (text: string, name: string) => textFromWire(text, field(name)).slice(0, MAX_WORD);
  return {
    id: positiveFromWire(count(wire.id, 'id'), field('id')),
    timeMs: count(wire.timeMs, 'timeMs'),
    outbox: {
      entries: count(wire.outboxEntries, 'outboxEntries'),
      bytes: count(wire.outboxBytes, 'outboxBytes'),
      oldestMs: count(wire.oldestMs, 'oldestMs'),
      counts: boundedList(wire.counts, MAX_OUTBOX_COUNTS, field('counts')).map(({ resource, entries }) => ({
        resource: word(resource, 'counts.resource'),
        entries: count(entries, 'counts.entries'),
      })),
      blocked: boundedList(wire.blocked, MAX_BLOCKED, field('blocked')).map(({ key, why, ageMs }) => ({
        key: keyFromWire(key, field('blocked.key')),
        why: textFromWire(why, field('blocked.why')).slice(0, MAX_WHY),
        ageMs: count(ageMs, 'blocked.ageMs'),
      })),
      droppedEvents: count(wire.droppedEvents, 'droppedEvents'),
      refusedReports: count(wire.refusedReports, 'refusedReports'),
    },
    storeBytes: count(wire.storeBytes, 'storeBytes'),
    freeBytes: wire.freeBytes === undefined ? undefined : count(wire.freeBytes, 'freeBytes'),
    workload: word(wire.workload, 'workload'),
    kubelet: word(wire.kubelet, 'kubelet'),
    lastSync: word(wire.lastSync, 'lastSync'),
    startedAt: word(wire.startedAt, 'startedAt'),
  };
}
