import type { Target } from '../engine/target.ts';
import { bodies } from './bodies.ts';
import { certificates, publicKeys } from './certificates.ts';
import { enrolment } from './enrolment.ts';
import { kubeconfigs, manifests, settings } from './files.ts';
import { agentFrames, relayFrames } from './frames.ts';
import { inventories } from './inventories.ts';
import { objects } from './objects.ts';
import { patches } from './patches.ts';
import { selectors } from './selectors.ts';
import { store } from './store.ts';
import { sync } from './sync.ts';
import { watchStream } from './watch-stream.ts';

/** Every place where bytes come in from outside, from the network inwards to the disk. */
export const TARGETS: readonly Target[] = [
  agentFrames,
  relayFrames,
  bodies,
  inventories,
  objects,
  patches,
  selectors,
  watchStream,
  enrolment,
  certificates,
  publicKeys,
  sync,
  store,
  settings,
  kubeconfigs,
  manifests,
];
