import { type KubeObject, MIRROR_ANNOTATION } from '@hawser/protocol';
import { timestamp } from './clock.ts';
import { refuseContainers } from './device/containers.ts';
import { DEVICE_ADMIN, DEVICE_VIEWER, type Holder, identityOfHolder, nodeIdentity } from './device/identities.ts';
import { answerResourceSlices, isResourceSlices, mayDeleteSlices } from './device/resource-slices.ts';
import {
  DEVICE_RESOURCES,
  DEVICE_SURFACE,
  idOf,
  isCertain,
  isOwn,
  LEASES,
  NODE_LEASE_NAMESPACE,
  RESOURCE_SLICES,
  writeRule,
} from './device/surface.ts';
import type {
  Admission,
  ApiPolicy,
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
import { forbidden, serviceUnavailable } from './status.ts';

export interface DevicePolicyOptions {
  readonly nodeName: string;
  /** Whose that bearer token is. Without it nobody comes in but who is in this process. */
  readonly holderOf?: (token: string) => Holder | undefined;
  /** Whether the store has ever held all that the cloud wants here: before, an empty list would be a lie. */
  readonly hasSynced: () => boolean;
  /** What is known elsewhere of an object that the device does not hold and cannot say to be absent. Default: nothing, 404. */
  readonly findElsewhere?: (miss: Miss) => Promise<KubeObject | undefined>;
  /** Answers `create` of `serviceaccounts/token` by the node. Undefined: nobody gets tokens here (405). */
  readonly requestToken?: (request: SpecialRequest) => Promise<SpecialAnswer>;
  /** Answers all other writes that only the cluster can. Undefined: nobody does (405). */
  readonly submit?: (request: SpecialRequest) => Promise<SpecialAnswer> | undefined;
}

/** Sent as Retry-After where only a first sync helps. */
const NOT_SYNCED_RETRY_SECONDS = 2;

/** Objects that bear the name of the node that they are of. */
const PER_NODE: ReadonlySet<string> = new Set(['nodes', 'storage.k8s.io/csinodes']);

/** What Kubernetes does not have. */
const OWN_PATHS = '/hawser/';

const READS: ReadonlySet<string> = new Set(['get', 'list', 'watch']);

/**
 * The policy of the API on the device:
 * 1. no token, no answer (401); one token lets in the administrator, who sees what the device holds, Secrets too, others the kubelet and
 *    a viewer, who reads all but Secrets;
 * 2. before the first full sync nothing is read and nothing written (503 with Retry-After) but what brings it about: the kubelet's
 *    registration, and what is there of that;
 * 3. what a kubelet writes may be written, for this device's own node; everything else is changed in the cluster (403);
 * 4. tokens of ServiceAccounts are for who runs the pods, and not for the administrator, whom the cloud does not know (403).
 *
 * What is served at all, and which writes are whose, stands in `device/surface.ts`.
 */
export function createDevicePolicy(options: DevicePolicyOptions): ApiPolicy {
  const node = nodeIdentity(options.nodeName);
  return {
    authenticate({ bearerToken }) {
      const holder = bearerToken === undefined ? undefined : options.holderOf?.(bearerToken);
      return holder === undefined ? undefined : identityOfHolder(holder, options.nodeName);
    },
    authorize(identity, attributes) {
      const { resource } = attributes;
      if (resource === undefined) return mayRead(identity, attributes);
      const noContainers = refuseContainers(resource);
      if (noContainers !== undefined) return noContainers;
      if (identity.name === DEVICE_VIEWER.name) {
        const refusal = refuseViewer(attributes.verb, resource);
        if (refusal !== undefined) return refusal;
      }
      if (isResourceSlices(resource))
        return mayDeleteSlices(identity.name === node.name, options.nodeName, attributes.verb, resource);
      const isRead = READS.has(attributes.verb);
      const decision = isRead ? ALLOWED : mayWrite(node, identity, options.nodeName, attributes.verb, resource);
      if (decision.allowed && !options.hasSynced() && !isEarly(options.nodeName, attributes.verb, resource)) throw notSynced();
      return decision;
    },
    served: DEVICE_RESOURCES,
    versionsAhead: 'foreign',
    specialResources: [RESOURCE_SLICES],
    findElsewhere: (miss) => (isCertain(options.nodeName, miss.key) ? undefined : options.findElsewhere?.(miss)),
    admit: requireMirror,
    planDelete: (request) => (request.resource.id === 'pods' ? planPodDelete(request) : { type: 'remove' }),
    handleSpecial(request) {
      if (isResourceSlices(request)) return answerResourceSlices(request);
      if (isTokenRequest(request.verb, request)) return options.requestToken?.(request);
      const rule = writeRule(idOf(request), request.subresource, request.verb);
      return rule?.by === 'cloud' ? options.submit?.(request) : undefined;
    },
  };
}

function refuseViewer(verb: string, { group, resource }: ResourceAttributes): Decision | undefined {
  if (!READS.has(verb)) return denied(`this token only reads; ${WRITING_TOKEN}`);
  return group === '' && resource === 'secrets' ? denied(`this token reads no Secrets; ${WRITING_TOKEN}`) : undefined;
}

const WRITING_TOKEN = 'an administrator of the device has "hawser-agent kubeconfig --write"';

const ALLOWED: Decision = { allowed: true };

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

function mayWrite(node: Identity, identity: Identity, nodeName: string, verb: string, resource: ResourceAttributes): Decision {
  const id = idOf(resource);
  const rule = writeRule(id, resource.subresource, verb);
  if (rule === undefined) return denied('the API on a device takes only what a kubelet writes; change this in the cluster');
  if (rule.who === 'node' && identity.name !== node.name) {
    return denied(
      resource.subresource === 'token'
        ? 'tokens are for the node, which asks for those of its pods'
        : `this is for who runs the pods, ${node.name}`,
    );
  }
  // The name of what is created stands in the body: the cloud's Node authorizer judges it.
  if (PER_NODE.has(id) && verb !== 'create' && resource.name !== nodeName) return denied(`this device is the node ${nodeName}`);
  if (id === LEASES && resource.namespace !== NODE_LEASE_NAMESPACE) return denied('a kubelet has its lease in kube-node-lease');
  return ALLOWED;
}

/**
 * Of pods only the mirror of a static one is made on its node (the annotation is the kubelet's); the cloud's NodeRestriction says the same.
 * A new pod is Pending, as in the cluster.
 */
function requireMirror({ operation, resource, object }: Admission): KubeObject {
  if (operation !== 'create' || resource.id !== 'pods') return object;
  if (object.metadata.annotations?.[MIRROR_ANNOTATION] === undefined)
    throw forbidden(resource, object.metadata.name ?? '', 'a device makes no pods but mirrors of static ones');
  return { ...object, status: { phase: 'Pending' } };
}

/** Paths that are no resource. What the cloud says to this device by {@link OWN_PATHS} is for its administrator, Secrets too. */
function mayRead(identity: Identity, { verb, path }: RequestAttributes): Decision {
  if (path.startsWith(OWN_PATHS) && identity.name !== DEVICE_ADMIN.name)
    return denied('this is for the administrator of the device');
  return verb === 'get' || verb === 'head' ? { allowed: true } : denied('there is nothing to write');
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
