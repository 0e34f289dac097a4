import type { StoreLimits } from './types.ts';

export const DEFAULT_STORE_LIMITS: StoreLimits = {
  // A kubelet that has lost its watch for a moment finds its place again; beyond the bound the oldest go, and who asks for
  // them is told to list again (410).
  changeLogEntries: 1_000,
  // The same, for objects that are large: a ConfigMap may have 1 MiB. At least the newest change is kept.
  changeLogSize: 16 * 1024 * 1024,
  // Patches merge, so this is reached only by thousands of objects made or removed offline. At the bound the oldest Events make room,
  // in the count `count`; a write that finds none fails with `too_large`, which the local API answers with 507. A status that merges
  // into one that waits needs no room here.
  outboxEntries: 10_000,
  // The same for large bodies (in the count `bytes`): nine hours of a link of 1 KB/s, and little beside the flash of any device.
  outboxBytes: 32 * 1024 * 1024,
  // A device that is offline for weeks makes Events without end. First go those that the cloud has, then the oldest, with what was
  // still to be sent of them. How many were lost is told once the link is up: the count `count`.
  events: 1_000,
  // The same for long ones, in the count `bytes`: 4 KiB for each of them, four times what a usual one has. The newest one stays.
  eventBytes: 4 * 1024 * 1024,
  // A cluster keeps Events for an hour; after a week nobody looks into what a device said on one day of it. The age begins anew when an
  // Event is counted up. Looked at when an Event is written and when the link comes up, in the count `age`. One that was written before
  // the device's clock was set (a year before 2020) has no age.
  eventAgeMs: 7 * 24 * 60 * 60 * 1000,
  // For people to look at. The oldest go.
  refusals: 50,
  // Some 2 KB each; a device with hundreds of pods has one or two for each. The oldest goes: without the link its pod does not get
  // it again.
  tokens: 5_000,
  // What was asked for beyond the objects that are synced: a few volumes and classes, and what people ask by hand. Those that were not
  // asked for longest go: without the link nothing is known of them.
  answers: 1_000,
  // The same, for objects that are large. An answer has 3 MiB at most, so the newest has room always.
  answersSize: 16 * 1024 * 1024,
};

/** Characters of one fact; longer ones are cut. */
export const MAX_FACT_LENGTH = 4_096;

/** Facts at most; they are set by code under fixed names, so more is a mistake and fails with `too_large`. */
export const MAX_FACTS = 100;
