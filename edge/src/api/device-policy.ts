import type { KubeObject } from '@hawser/protocol';
import { answerReview, REVIEW_RESOURCES, type TokenReviewVerdict } from './access/reviews.ts';
import { bindingsAllow } from './access/rules.ts';
import { timestamp } from './clock.ts';
import { admitOnDevice } from './device/admit.ts';
import { refuseContainers } from './device/containers.ts';
import { DEVICE_ADMIN, DEVICE_VIEWER, type Holder, identityOfHolder, kubeletIdentity, podOf } from './device/identities.ts';
import { answerResourceSlices, isResourceSlices } from './device/resource-slices.ts';
import { deviceRights } from './device/rights.ts';
import { DEVICE_RESOURCES, DEVICE_SURFACE, idOf, isCertain, isOwn, RESOURCE_SLICES, writeRule } from './device/surface.ts';
import { authorizeNode } from './node/authorizer.ts';
import { restrictPodDelete } from './node/restriction.ts';
import type {
  ApiPolicy,
  Credentials,
  Decision,
  DeletePlan,
  DeleteRequest,
  Identity,
  Miss,
  RequestAttributes,
  ResourceAttributes,
  SpecialAnswer,
  SpecialRequest,
} from './policy.ts';
import { forbidden, quote, serviceUnavailable } from './status.ts';

export interface DevicePolicyOptions {
  readonly nodeName: string;
  /** Whose that bearer token is. Without it nobody comes in but who is in this process. */
  readonly holderOf?: (token: string) => Holder | undefined;
  /** What a ServiceAccount's token is worth, for these audiences or the API server's own. Undefined: pods are not let in. */
  readonly podTokens?: PodTokenCheck | undefined;
  /** Whether the store has ever held all that the cloud wants here: before, an empty list would be a lie. */
  readonly hasSynced: () => boolean;
  /** What is known elsewhere of an object that the device does not hold and cannot say to be absent. Default: nothing, 404. */
  readonly findElsewhere?: (miss: Miss) => Promise<KubeObject | undefined>;
  /** Answers `create` of `serviceaccounts/token` by the node. Undefined: nobody gets tokens here (405). */
  readonly requestToken?: (request: SpecialRequest) => Promise<SpecialAnswer>;
  /** Answers all other writes that only the cluster can. Undefined: nobody does (405). */
  readonly submit?: (request: SpecialRequest) => Promise<SpecialAnswer> | undefined;
}

/** @param audiences undefined: the API server's own */
export type PodTokenCheck = (token: string, audiences: readonly string[] | undefined) => TokenReviewVerdict;

/** Sent as Retry-After where only a first sync helps. */
const NOT_SYNCED_RETRY_SECONDS = 2;

/** What Kubernetes does not have. */
const OWN_PATHS = '/hawser/';

const READS: ReadonlySet<string> = new Set(['get', 'list', 'watch']);

/**
 * The policy of the API on the device:
 * 1. no token, no answer (401); who may do what stands in `device/rights.ts`, and for a kubelet in `node/authorizer.ts` (403);
 * 2. before the first full sync nothing is read and nothing written (503 with Retry-After) but what brings it about: the kubelet's
 *    registration, and what is there of that;
 * 3. what a kubelet writes may be written, for this device's own node, whoever writes it, since it is the node's word in the cluster;
 *    everything else is changed there;
 * 4. tokens of ServiceAccounts are for who runs the pods, and not for the administrator, whom the cloud does not know.
 *
 * What is served at all stands in `device/surface.ts`.
 */
export function createDevicePolicy(options: DevicePolicyOptions): ApiPolicy {
  const { nodeName } = options;
  const node = kubeletIdentity(nodeName);
  const bindingsOf = deviceRights(nodeName);
  const decide = (identity: Identity, attributes: RequestAttributes) => {
    const noContainers = attributes.resource === undefined ? undefined : refuseContainers(attributes.resource);
    if (noContainers !== undefined) return noContainers;
    if (bindingsAllow(bindingsOf(identity), identity, attributes)) return ALLOWED;
    // What the device holds or is told is what this node may see: the cloud's own authorizer has said so.
    if (identity.name === node.name) return authorizeNode(nodeName, attributes, () => true);
    const administratorMay = () => bindingsAllow(bindingsOf(DEVICE_ADMIN), DEVICE_ADMIN, attributes);
    return denied(whyNot(identity, attributes, administratorMay));
  };
  /** The device's own tokens are meant for every audience: they are good nowhere else. */
  const review = (token: string, audiences: readonly string[] | undefined): TokenReviewVerdict => {
    const holder = options.holderOf?.(token);
    if (holder !== undefined) return { type: 'valid', identity: identityOfHolder(holder, nodeName), audiences: audiences ?? [] };
    return options.podTokens?.(token, audiences) ?? { type: 'invalid' };
  };
  return {
    authenticate({ bearerToken, impersonate }) {
      const verdict = bearerToken === undefined ? undefined : review(bearerToken, undefined);
      if (verdict?.type !== 'valid') return undefined;
      refuseImpersonation(verdict.identity, impersonate);
      return verdict.identity;
    },
    authorize(identity, attributes) {
      const decision = decide(identity, attributes);
      const { verb, resource } = attributes;
      if (decision.allowed && resource !== undefined && !options.hasSynced() && !isEarly(nodeName, verb, resource))
        throw notSynced();
      return decision;
    },
    admit: (admission) => admitOnDevice(nodeName, admission),
    planDelete(request) {
      if (request.resource.id !== 'pods') return { type: 'remove' };
      restrictPodDelete(nodeName, request.object, request.resource);
      return planPodDelete(request);
    },
    served: DEVICE_RESOURCES,
    versionsAhead: 'foreign',
    specialResources: [RESOURCE_SLICES, ...REVIEW_RESOURCES],
    findElsewhere: (miss) => (isCertain(nodeName, miss.key) ? undefined : options.findElsewhere?.(miss)),
    handleSpecial(request) {
      if (isResourceSlices(request)) return answerResourceSlices(request);
      if (isTokenRequest(request.verb, request)) return options.requestToken?.(request);
      const rule = writeRule(idOf(request), request.subresource, request.verb);
      if (rule?.by === 'cloud') return options.submit?.(request);
      return answerReview(request, {
        reviewToken: review,
        authorize: decide,
        bindings: bindingsOf(request.identity),
      });
    },
  };
}

/** Nobody here acts for another; silence would let `kubectl --as` look as if. @throws ApiError 403 */
function refuseImpersonation({ name }: Identity, { user, groups, uid }: Credentials['impersonate']): void {
  const asked = user ?? groups[0] ?? uid;
  if (asked === undefined) return;
  const users = { group: '', resource: 'users' };
  throw forbidden(users, asked, `User ${quote(name)} cannot impersonate resource "users" in API group "" at the cluster scope`);
}

const ALLOWED: Decision = { allowed: true };

/** For a person or a log, after what was refused. */
function whyNot(identity: Identity, { verb, path, resource }: RequestAttributes, administratorMay: () => boolean): string {
  if (resource === undefined) {
    return path.startsWith(OWN_PATHS) ? 'this is for the administrator of the device' : '';
  }
  if (isTokenRequest(verb, resource)) return 'tokens are for the node, which asks for those of its pods';
  switch (identity.name) {
    case DEVICE_ADMIN.name:
      return NOT_WRITTEN_HERE;
    case DEVICE_VIEWER.name:
      // Nobody fetches the other token to be refused again.
      if (!READS.has(verb)) return administratorMay() ? `this token only reads; ${WRITING_TOKEN}` : NOT_WRITTEN_HERE;
      return resource.resource === 'secrets' ? `this token reads no Secrets; ${WRITING_TOKEN}` : '';
    default:
      return podOf(identity) === undefined
        ? ''
        : 'on a device a pod reads Services, EndpointSlices, Endpoints, Namespaces, its Node and itself';
  }
}

const NOT_WRITTEN_HERE = 'the API on a device takes only what a kubelet writes; change this in the cluster';

const WRITING_TOKEN = 'an administrator of the device has "hawser-agent kubeconfig --write"';

/** Whether it is answered before the first full sync. */
function isEarly(nodeName: string, verb: string, resource: ResourceAttributes): boolean {
  const id = idOf(resource);
  const row = DEVICE_SURFACE.get(id);
  // What is not served is refused in the usual words.
  if (row === undefined) return true;
  if (!READS.has(verb)) return writeRule(id, resource.subresource, verb)?.early ?? false;
  return row.early === 'all' || (row.early === 'own' && isOwn(nodeName, { ...resource, resource: id }));
}

function isTokenRequest(
  verb: string,
  { group, resource, subresource }: Pick<SpecialRequest, 'group' | 'resource' | 'subresource'>,
) {
  return verb === 'create' && group === '' && resource === 'serviceaccounts' && subresource === 'token';
}

/** A pod is marked first, and goes with the delete of grace 0 that says that its containers have stopped. */
function planPodDelete({ object, gracePeriodSeconds, now }: DeleteRequest): DeletePlan {
  const { deletionTimestamp, deletionGracePeriodSeconds: running } = object.metadata;
  const grace = gracePeriodSeconds ?? running ?? terminationGraceOf(object);
  if (grace <= 0) return { type: 'remove' };
  if (deletionTimestamp !== undefined) return { type: 'unchanged' };
  const deadline = timestamp(new Date(now.getTime() + grace * 1000));
  const metadata = { ...object.metadata, deletionTimestamp: deadline, deletionGracePeriodSeconds: grace };
  return { type: 'mark', object: { ...object, metadata } };
}

function terminationGraceOf({ spec }: KubeObject): number {
  const isObject = typeof spec === 'object' && spec !== null && 'terminationGracePeriodSeconds' in spec;
  const seconds = isObject ? spec.terminationGracePeriodSeconds : undefined;
  return typeof seconds === 'number' ? seconds : 30;
}

function notSynced(): Error {
  return serviceUnavailable(
    'this device has never had all its objects from the cloud: it cannot say what there is',
    NOT_SYNCED_RETRY_SECONDS,
  );
}

function denied(reason: string): Decision {
  return { allowed: false, reason };
}
