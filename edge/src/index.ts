export { type Agent, type AgentOptions, startAgent } from './agent.ts';
export { AGENT_VERSION } from './agent-version.ts';
export { DEVICE_ADMIN, DEVICE_VIEWER, nodeIdentity } from './api/device/identities.ts';
export { createDevicePolicy, type DevicePolicyOptions } from './api/device-policy.ts';
export * from './api/index.ts';
export { type Connected, type ConnectOptions, connectLink } from './connect.ts';
export {
  createIdentityFolder,
  fixedCredentials,
  type Identity as DeviceIdentity,
  type IdentityFolder,
  identityPath,
  type LinkCredentials,
} from './enroll/index.ts';
export { DEFAULT_BACKOFF, failure, type Link, type LinkSocket, type LinkState, type SocketEvents } from './link/index.ts';
export { createLocalApi, type LocalApi, type LocalApiOptions, type PodAccess } from './local-api.ts';
export { ensureLocalAccess, type LocalAccess, rotateTokens } from './ops/local-access/index.ts';
export { resolveConfig, type Settings } from './ops/settings.ts';
export { keySourceOf, readingSealOf, sealOf } from './ops/store-key.ts';
export { createPodTokens, readKeySet } from './pod-access/index.ts';
export {
  type EdgeStore,
  type HeldObject,
  type MemoryStore,
  type MemoryStoreOptions,
  type Outbox,
  openMemoryStore,
  openStore,
  type ReadonlyStore,
  readStore,
  startRechecking,
  type TokenKey,
} from './store/index.ts';
export { createSync, SYNC_FACTS, type Sync, type SyncState, type SyncStore } from './sync/index.ts';
export type { AskOptions, CloudAnswer, CloudQueries } from './upstream/index.ts';
export {
  DEFAULT_TIMINGS,
  EXIT_ANNOTATION,
  HOLLOW_KUBELET_VERSION,
  type HollowNode,
  type HollowNodeOptions,
  type HollowTimings,
  type KubeletLife,
  type NodeFacts,
  startHollowNode,
  systemProcesses,
  watchKubelet,
} from './workload/index.ts';
