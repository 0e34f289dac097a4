export { type ClusterKeysStore, type KeptKeys, keepClusterKeys } from './kept-keys.ts';
export { readKeySet } from './key-set.ts';
export { createLinkedTime, type LinkedTime } from './linked-time.ts';
export { createPodTokens, EXPIRED_EXTRA, RENEWED_AFTER_MS } from './pod-tokens.ts';
