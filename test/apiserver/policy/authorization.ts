import type { Decision, Identity, RequestAttributes, Storage } from '@hawser/edge';
import { authorizeNode, nodeNameOf } from './node-authorizer.ts';
import { bindingsAllow, type RuleBinding } from './rules.ts';

/** Node authorizer first, then the configured rules; the reason for a no is the Node authorizer's. */
export function authorizeRequest(
  storage: Storage,
  bindings: readonly RuleBinding[],
  identity: Identity,
  request: RequestAttributes,
): Decision {
  const nodeName = nodeNameOf(identity);
  const verdict: Decision = nodeName === undefined ? { allowed: false, reason: '' } : authorizeNode(storage, nodeName, request);
  if (verdict.allowed || bindingsAllow(bindings, identity, request)) return { allowed: true };
  return verdict;
}
