import type { Identity } from '../policy.ts';

/** Whom the device itself lets in, each by a token of its own. Pods are let in by the cluster's tokens. */
export const HOLDERS = ['administrator', 'viewer', 'kubelet'] as const;
export type Holder = (typeof HOLDERS)[number];

/** May write what a kubelet may, for this device's own node; reads everything that the device holds. */
export const DEVICE_ADMIN: Identity = {
  name: 'hawser:device-admin',
  groups: ['hawser:device-admins', 'system:authenticated'],
};

/** Reads everything but Secrets. */
export const DEVICE_VIEWER: Identity = {
  name: 'hawser:device-viewer',
  groups: ['hawser:device-viewers', 'system:authenticated'],
};

/** Who runs the pods, in this process or beside it: the kubelet's own identity in the cluster. */
export function nodeIdentity(nodeName: string): Identity {
  return { name: `system:node:${nodeName}`, groups: ['system:nodes', 'system:authenticated'] };
}

export function identityOfHolder(holder: Holder, nodeName: string): Identity {
  switch (holder) {
    case 'administrator':
      return DEVICE_ADMIN;
    case 'viewer':
      return DEVICE_VIEWER;
    case 'kubelet':
      return nodeIdentity(nodeName);
  }
}
