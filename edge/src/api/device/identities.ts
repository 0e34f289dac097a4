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

/** The kubelet beside the agent, as the cluster knows it. */
export function kubeletIdentity(nodeName: string): Identity {
  return { name: `system:node:${nodeName}`, groups: ['system:nodes', 'system:authenticated'] };
}

/** Who plays the kubelet in this process: the same, and the agent itself. */
export function nodeIdentity(nodeName: string): Identity {
  const { name, groups } = kubeletIdentity(nodeName);
  return { name, groups: [...groups, 'hawser:in-process'] };
}

export function identityOfHolder(holder: Holder, nodeName: string): Identity {
  switch (holder) {
    case 'administrator':
      return DEVICE_ADMIN;
    case 'viewer':
      return DEVICE_VIEWER;
    case 'kubelet':
      return kubeletIdentity(nodeName);
  }
}

/** The pod that shows a token of its ServiceAccount, which is bound to it. */
export interface BoundPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

const ACCOUNT_PREFIX = 'system:serviceaccount:';
const POD_NAME = 'authentication.kubernetes.io/pod-name';
const POD_UID = 'authentication.kubernetes.io/pod-uid';

/** A ServiceAccount whose token is bound to that pod, in the API server's words (authentication.kubernetes.io). */
export function podIdentity(
  serviceAccount: { readonly name: string; readonly uid: string },
  pod: BoundPod,
  extra: NonNullable<Identity['extra']> = {},
): Identity {
  return {
    name: `${ACCOUNT_PREFIX}${pod.namespace}:${serviceAccount.name}`,
    uid: serviceAccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${pod.namespace}`, 'system:authenticated'],
    extra: { ...extra, [POD_NAME]: [pod.name], [POD_UID]: [pod.uid] },
  };
}

/** Undefined for who is no pod. */
export function podOf({ name, extra = {} }: Identity): BoundPod | undefined {
  if (!name.startsWith(ACCOUNT_PREFIX)) return undefined;
  const [namespace = ''] = name.slice(ACCOUNT_PREFIX.length).split(':', 1);
  const [[podName], [uid]] = [extra[POD_NAME] ?? [], extra[POD_UID] ?? []];
  return podName === undefined || uid === undefined ? undefined : { namespace, name: podName, uid };
}
