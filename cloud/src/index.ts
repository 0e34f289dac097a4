// What the model of the sync engine and the benchmarks drive: the cores, without sockets, and for one of them the API server's client.
export { createApiClient, loadCredentials } from './apiserver/index.ts';
export { createIntake, type Intake } from './apiserver/intake.ts';
export type { Pump } from './apiserver/pump.ts';
export { initialStatus, nextStatus, type StatusEvent, type StatusState } from './apiserver/reflector-status.ts';
export * from './borders.ts';
export { type Clock, systemClock } from './clock.ts';
export {
  createDownstream,
  DEFAULT_DOWNSTREAM_LIMITS,
  type Downstream,
  type DownstreamLimits,
  type RefusedObject,
} from './downstream/index.ts';
export { nodeOf } from './enroll/index.ts';
export { Epochs } from './epoch/epochs.ts';
export { FrameBudgets } from './hub/frame-budget.ts';
export { LINK_PATH } from './hub/index.ts';
export { Link } from './hub/link.ts';
export type { LinkContext, LinkLimits, LinkSocket } from './hub/link-context.ts';
export { Receiving } from './hub/receiving.ts';
export { Sessions } from './hub/sessions.ts';
export { EDGE_LABEL } from './locating/index.ts';
export type { Change, Observed, ReflectorStatus } from './merge/change.ts';
export { createMerge, type Merge } from './merge/merge.ts';
export { createNodeLeases, type NodeLeases } from './node-leases/index.ts';
export { BOUNDS, type Bound } from './ops/bounds.ts';
export { type Config, resolveConfig, SETTINGS, type Settings, SettingsSchema } from './ops/settings.ts';
export { type Relay, type RelayOptions, startRelay } from './relay.ts';
export { planReport } from './upstream/request.ts';
export { WATCHED } from './watching.ts';
