import type { RuleBinding } from '@hawser/edge';
import {
  type Admission,
  ApiError,
  type ApiPolicy,
  answerReview,
  type DeletePlan,
  type DeleteRequest,
  forbidden,
  type Identity,
  nodeNameOf,
  notFound,
  REVIEW_RESOURCES,
  restrictNode,
  restrictPodDelete,
  type SpecialAnswer,
  type SpecialRequest,
  type SpecialResource,
  type Storage,
  timestamp,
} from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { SERVED_BY_CLUSTER } from '../cluster-resources.ts';
import { authenticated, createAuthenticator, type StaticToken } from './authentication.ts';
import { authorizeRequest } from './authorization.ts';
import { commonNameOf, KUBELET_CLIENT, KUBELET_SERVING } from './certificate-signer.ts';
import { defaultAnyObject, defaultNewObject, priorityOf } from './defaults/objects.ts';
import { fieldsOf, textOf } from './fields.ts';
import { readRequest } from './pkcs10.ts';
import { planPodDelete } from './pod-deletion.ts';
import { DEFAULT_BINDINGS } from './rules.ts';
import { ISSUER, type ServiceAccountTokens } from './service-account-tokens.ts';
import { admitServiceAccount } from './service-accounts.ts';
import { approveRequest } from './special/approval.ts';
import { bindPod } from './special/binding.ts';
import { evictPod } from './special/eviction.ts';
import { scaleWorkload } from './special/scale.ts';
import { requestToken } from './special/token-request.ts';
import { storedRights } from './stored-rights.ts';
import { withTopologyLabels } from './topology.ts';
import { validateObject } from './validate/objects.ts';

export interface ClusterPolicyOptions {
  readonly storage: Storage;
  readonly staticTokens: readonly StaticToken[];
  readonly serviceAccountTokens: ServiceAccountTokens;
  /** Beside those that Kubernetes has by itself and those of the Roles and bindings that are stored. */
  readonly bindings: readonly RuleBinding[];
  /** Kubernetes 1.36 has it. Default true. */
  readonly hasConstrainedImpersonation?: boolean;
  readonly now: () => Date;
}

const BINDINGS: SpecialResource = {
  group: '',
  version: 'v1',
  resource: 'bindings',
  kind: 'Binding',
  namespaced: true,
  verbs: ['create'],
};

/** What a cluster does with requests and objects, beyond what the API itself does: the policy of the embedded API server. */
export function createClusterPolicy(options: ClusterPolicyOptions): ApiPolicy {
  const { storage } = options;
  const bindings = storedRights(storage, [...DEFAULT_BINDINGS, ...options.bindings]);
  const authorize: ApiPolicy['authorize'] = (identity, attributes) => authorizeRequest(storage, bindings(), identity, attributes);
  const staticIdentities = new Map<string, Identity>(
    options.staticTokens.map(({ token, user, groups }) => [token, { name: user, groups: authenticated(groups) }]),
  );

  return {
    authenticate: createAuthenticator({ ...options, bindings }),
    authorize,
    admit,
    planDelete,
    served: SERVED_BY_CLUSTER,
    specialResources: [BINDINGS, ...REVIEW_RESOURCES],
    handleSpecial: (request) =>
      answerReview(request, {
        reviewToken(token, audiences = [ISSUER]) {
          const known = staticIdentities.get(token);
          if (known !== undefined) return { type: 'valid', identity: known, audiences };
          return options.serviceAccountTokens.check(token, audiences, storage, options.now());
        },
        authorize,
        bindings: bindings(),
      }) ?? handleSubresource(request, options.serviceAccountTokens),
  };
}

function handleSubresource(
  request: SpecialRequest,
  tokens: ServiceAccountTokens,
): SpecialAnswer | Promise<SpecialAnswer> | undefined {
  const path = [request.group, request.resource, request.subresource].filter((part) => part !== '').join('/');
  switch (`${request.verb} ${path}`) {
    case 'create pods/binding':
      return bindPod(request);
    case 'create bindings':
      return bindPod({ ...request, name: request.body?.metadata.name ?? '' });
    case 'create pods/eviction':
      return evictPod(request);
    case 'get pods/log':
      throw noLog(request);
    case 'create serviceaccounts/token':
      return requestToken(request, tokens);
    case 'update certificates.k8s.io/certificatesigningrequests/approval':
      return approveRequest(request);
    case 'get apps/deployments/scale':
    case 'update apps/deployments/scale':
    case 'patch apps/deployments/scale':
    case 'get apps/replicasets/scale':
    case 'update apps/replicasets/scale':
    case 'patch apps/replicasets/scale':
      return scaleWorkload(request);
    default:
      return undefined;
  }
}

/** There is no kubelet that could be asked. */
function noLog(request: SpecialRequest): ApiError {
  const pods = { group: '', resource: 'pods' };
  const pod = request.storage.get({ resource: 'pods', namespace: request.namespace, name: request.name });
  if (pod === undefined) return notFound(pods, request.name);
  return new ApiError(500, 'InternalError', 'the embedded API server has no way to the kubelets, so it has no logs');
}

/** The admission chain in the server's order: namespace, what others add, what nodes may not, defaults, validation. */
function admit(admission: Admission): KubeObject {
  if (admission.operation === 'create' && admission.subresource === '') requireNamespace(admission);
  const object = admission.operation === 'create' ? admitCreate(admission) : admitUpdate(admission);
  if (admission.subresource === '') validateObject({ ...admission, object });
  return object;
}

function admitCreate(admission: Admission): KubeObject {
  const isPod = admission.resource.id === 'pods';
  const withAccount = isPod ? { ...admission, object: admitServiceAccount(admission) } : admission;
  restrict(withAccount);
  const className = isPod ? textOf(fieldsOf(withAccount.object.spec).priorityClassName) : '';
  const priority = priorityOf(admission.storage, className);
  if (priority === undefined) {
    throw forbidden(
      admission.resource,
      admission.object.metadata.name ?? '',
      `no PriorityClass with name ${className} was found`,
    );
  }
  const object = defaultAnyObject(admission.resource.id, defaultNewObject(withAccount, priority));
  return isPod ? withTopologyLabels(admission.storage, object) : object;
}

function admitUpdate(admission: Admission): KubeObject {
  const object = defaultAnyObject(admission.resource.id, admission.object);
  restrict({ ...admission, object });
  return object;
}

function restrict(admission: Admission): void {
  const nodeName = nodeNameOf(admission.identity);
  if (nodeName === undefined) return;
  restrictNode(nodeName, admission);
  if (admission.resource.id === 'certificates.k8s.io/certificatesigningrequests') restrictRequest(nodeName, admission);
}

/** A node may ask for certificates of its own name only, as a client and, from Kubernetes 1.31 on, for serving. */
function restrictRequest(nodeName: string, admission: Admission): void {
  const spec = fieldsOf(admission.object.spec);
  if (admission.operation !== 'create' || ![KUBELET_CLIENT, KUBELET_SERVING].includes(textOf(spec.signerName))) return;
  const refused = (why: string) => forbidden(admission.resource, admission.object.metadata.name ?? '', why);
  const read = readRequest(textOf(spec.request));
  if (read.type === 'refused') throw refused(`unable to parse csr: ${read.why}`);
  const expected = `system:node:${nodeName}`;
  if (commonNameOf(read.request) !== expected) throw refused(`can only create a node CSR with CN=${expected}`);
}

/** @throws ApiError 404 about the namespace, 403 when it is being deleted */
function requireNamespace(admission: Admission): void {
  const name = admission.object.metadata.namespace ?? '';
  if (!admission.resource.namespaced || name === '') return;
  const namespace = admission.storage.get({ resource: 'namespaces', namespace: '', name });
  if (namespace === undefined) throw notFound({ group: '', resource: 'namespaces' }, name);
  if (namespace.metadata.deletionTimestamp !== undefined) {
    throw forbidden(
      admission.resource,
      admission.object.metadata.name ?? '',
      `unable to create new content in namespace ${name} because it is being terminated`,
    );
  }
}

function planDelete(request: DeleteRequest): DeletePlan {
  if (request.resource.id === 'namespaces') return planNamespaceDelete(request);
  if (request.resource.id !== 'pods') return { type: 'remove' };
  const nodeName = nodeNameOf(request.identity);
  if (nodeName !== undefined) restrictPodDelete(nodeName, request.object, request.resource);
  return planPodDelete(request.object, request.gracePeriodSeconds, request.now);
}

/** Marked only: the namespace controller removes it once it is empty. */
function planNamespaceDelete({ object, now }: DeleteRequest): DeletePlan {
  if (object.metadata.deletionTimestamp !== undefined) return { type: 'unchanged' };
  const metadata = { ...object.metadata, deletionTimestamp: timestamp(now), deletionGracePeriodSeconds: 0 };
  return { type: 'mark', object: { ...object, metadata, status: { phase: 'Terminating' } } };
}
