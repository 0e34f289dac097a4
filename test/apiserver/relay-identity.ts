import type { RuleBinding } from '@hawser/edge';
import { bindingsOf } from './rbac-files.ts';

/** Where the relay lives, and keeps its leases. */
export const RELAY_NAMESPACE = 'hawser-system';
export const RELAY_USER = `system:serviceaccount:${RELAY_NAMESPACE}:hawser-relay`;
export const RELAY_GROUPS = ['system:serviceaccounts', `system:serviceaccounts:${RELAY_NAMESPACE}`];

/** In the words of the relay: `constrained` from Kubernetes 1.36 on, `groups` before. */
export type ImpersonationForm = 'constrained' | 'groups';

const FILES: Readonly<Record<ImpersonationForm, string>> = {
  constrained: '11-as-node.yaml',
  groups: 'optional/as-node-older.yaml',
};

/** The rights that a relay is given in a cluster, and no more: those of the manifests that its users apply, which are those of the chart. */
export function relayBindings(form: ImpersonationForm): readonly RuleBinding[] {
  const folder = new URL('../../deploy/manifests/', import.meta.url);
  const files = ['10-rights.yaml', 'optional/relay-pods.yaml', FILES[form]];
  return bindingsOf(files.map((file) => new URL(file, folder)));
}
