import type { StoreLimits } from './types.ts';

export const DEFAULT_STORE_LIMITS: StoreLimits = {
  // A kubelet that has lost its watch for a moment finds its place again; beyond the bound the oldest go, and who asks for
  // them is told to list again (410).
  changeLogEntries: 1_000,
  // The same, for objects that are large: a ConfigMap may have 1 MiB. At least the newest change is kept.
  changeLogSize: 16 * 1024 * 1024,
  // Patches merge, so this is reached only by thousands of objects made or removed offline. A write over it fails with `too_large`.
  outboxEntries: 10_000,
  // A device that is offline for weeks makes events without end. The oldest goes, with what was still to be sent of it; how
  // many were lost that way stands in the fact `events.dropped`.
  events: 1_000,
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
