import {
  authorizeNode,
  bindingsAllow,
  type Decision,
  type Identity,
  nodeNameOf,
  type RequestAttributes,
  type RuleBinding,
  type Storage,
} from '@hawser/edge';
import { nodeReaches } from './node-graph.ts';

/** Node authorizer first, then the configured rules; the reason for a no is the Node authorizer's. */
export function authorizeRequest(
  storage: Storage,
  bindings: readonly RuleBinding[],
  identity: Identity,
  request: RequestAttributes,
): Decision {
  const nodeName = nodeNameOf(identity);
  const verdict: Decision =
    nodeName === undefined
      ? { allowed: false, reason: '' }
      : authorizeNode(nodeName, request, (kind, key) => nodeReaches(storage, nodeName, kind, key));
  if (verdict.allowed || bindingsAllow(bindings, identity, request)) return { allowed: true };
  return verdict;
}
