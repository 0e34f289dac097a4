import type { Target } from '../engine/target.ts';
import { adminReviews } from './admin-reviews.ts';
import { bodies } from './bodies.ts';
import { certificates, publicKeys } from './certificates.ts';
import { clientHello } from './client-hello.ts';
import { authorityObjects, deviceRecords, tokenSecrets } from './cluster-objects.ts';
import { enrolment } from './enrolment.ts';
import { kubeconfigs, manifests, settings } from './files.ts';
import { agentFrames, relayFrames } from './frames.ts';
import { identity } from './identity.ts';
import { inventories } from './inventories.ts';
import { objects } from './objects.ts';
import { patches } from './patches.ts';
import { keySets, podClaims, podTokens } from './pod-tokens.ts';
import { protobuf } from './protobuf.ts';
import { selectors } from './selectors.ts';
import { admin } from './sockets/admin.ts';
import { link } from './sockets/link.ts';
import { localApi } from './sockets/local-api.ts';
import { localApiHttp2 } from './sockets/local-api-http2.ts';
import { enrolmentHttp, upgrade } from './sockets/upgrade.ts';
import { store } from './store.ts';
import { sync } from './sync.ts';
import { watchStream } from './watch-stream.ts';

/** Every place where bytes come in from outside, from the network inwards to the disk. */
export const TARGETS: readonly Target[] = [
  clientHello,
  agentFrames,
  relayFrames,
  bodies,
  inventories,
  objects,
  patches,
  protobuf,
  selectors,
  watchStream,
  enrolment,
  certificates,
  publicKeys,
  podTokens,
  podClaims,
  keySets,
  tokenSecrets,
  deviceRecords,
  authorityObjects,
  sync,
  store,
  identity,
  settings,
  kubeconfigs,
  manifests,
  link,
  upgrade,
  enrolmentHttp,
  admin,
  adminReviews,
  localApi,
  localApiHttp2,
];
