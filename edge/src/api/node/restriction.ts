import { type KubeObject, MIRROR_ANNOTATION } from '@hawser/protocol';
import { fieldsOf, itemsOf, sameJson, textOf } from '../fields.ts';
import type { Admission, SpecialRequest } from '../policy.ts';
import { type ApiError, forbidden, type ResourceName } from '../status.ts';
import type { Storage } from '../storage.ts';
import { forbiddenLabelChanges } from './labels.ts';
import { podReferences } from './pod-references.ts';

/**
 * NodeRestriction: what a node may write, looking at the objects (plugin/pkg/admission/noderestriction).
 * The Node authorizer has already said which kinds and verbs.
 * @throws ApiError 403
 */
export function restrictNode(nodeName: string, admission: Admission): void {
  const { resource, object, previous, subresource, operation } = admission;
  const refuse = (why: string): ApiError => forbidden(resource, object.metadata.name ?? '', why);
  switch (resource.id) {
    case 'nodes':
      restrictNodeObject(nodeName, object, previous, refuse);
      return;
    case 'pods':
      if (subresource === 'status') restrictPodStatus(nodeName, object, previous, refuse);
      else if (operation === 'create') restrictPodCreate(nodeName, object, admission.storage, refuse);
      return;
    case 'coordination.k8s.io/leases':
      if (object.metadata.name !== nodeName) {
        throw refuse('can only access node lease with the same name as the requesting node');
      }
      return;
    case 'storage.k8s.io/csinodes':
      if (object.metadata.name !== nodeName) throw refuse('can only access CSINode with the same name as the requesting node');
      return;
    default:
  }
}

/** @throws ApiError 403 when the pod is bound to another node. */
export function restrictPodDelete(nodeName: string, pod: KubeObject, resource: ResourceName): void {
  if (fieldsOf(pod.spec).nodeName !== nodeName) {
    throw forbidden(
      resource,
      pod.metadata.name ?? '',
      `node "${nodeName}" can only delete pods with spec.nodeName set to itself`,
    );
  }
}

/** @throws ApiError 403 when the pod is bound to another node. */
export function restrictEviction(nodeName: string, pod: KubeObject, request: SpecialRequest): void {
  if (fieldsOf(pod.spec).nodeName !== nodeName) {
    throw forbidden(request, request.name, `node ${nodeName} can only evict pods with spec.nodeName set to itself`);
  }
}

/** What the ServiceAccount admission says of mirror pods, before NodeRestriction is asked. @throws ApiError 403 */
export function restrictMirror({ resource, object }: Pick<Admission, 'resource' | 'object'>): void {
  const { name = '', namespace = '' } = object.metadata;
  const spec = fieldsOf(object.spec);
  if (textOf(spec.serviceAccountName) !== '') throw forbidden(resource, name, 'a mirror pod may not reference service accounts');
  if (podReferences(namespace, name, spec).secrets.size > 0) {
    throw forbidden(resource, name, 'a mirror pod may not reference secrets');
  }
}

function restrictNodeObject(
  nodeName: string,
  node: KubeObject,
  previous: KubeObject | undefined,
  refuse: (why: string) => ApiError,
): void {
  if (node.metadata.name !== nodeName) {
    throw refuse(`node "${nodeName}" is not allowed to modify node "${node.metadata.name}"`);
  }
  const labels = forbiddenLabelChanges(node.metadata.labels ?? {}, previous?.metadata.labels ?? {});
  if (labels.length > 0) throw refuse(`is not allowed to modify labels: ${labels.join(', ')}`);
  if (previous === undefined) return;
  if (!sameJson(fieldsOf(node.spec).taints, fieldsOf(previous.spec).taints)) {
    throw refuse(`node "${nodeName}" is not allowed to modify taints`);
  }
  if (!sameJson(node.metadata.ownerReferences ?? [], previous.metadata.ownerReferences ?? [])) {
    throw refuse(`node "${nodeName}" is not allowed to modify ownerReferences`);
  }
}

function restrictPodStatus(
  nodeName: string,
  pod: KubeObject,
  previous: KubeObject | undefined,
  refuse: (why: string) => ApiError,
): void {
  if (fieldsOf(previous?.spec).nodeName !== nodeName) {
    throw refuse(`node "${nodeName}" can only update pod status for pods with spec.nodeName set to itself`);
  }
  if (!sameJson(pod.metadata.labels ?? {}, previous?.metadata.labels ?? {})) {
    throw refuse(`node "${nodeName}" cannot update labels through pod status`);
  }
}

/** A node may only create mirror pods of its own static pods, and these may name nothing else in the cluster. */
function restrictPodCreate(nodeName: string, pod: KubeObject, storage: Storage, refuse: (why: string) => ApiError): void {
  const spec = fieldsOf(pod.spec);
  if (pod.metadata.annotations?.[MIRROR_ANNOTATION] === undefined) {
    throw refuse(`pod does not have "${MIRROR_ANNOTATION}" annotation, node "${nodeName}" can only create mirror pods`);
  }
  if (spec.nodeName !== nodeName) throw refuse(`node "${nodeName}" can only create pods with spec.nodeName set to itself`);

  const owners = pod.metadata.ownerReferences ?? [];
  const [owner] = owners;
  if (owner === undefined) throw refuse(`node "${nodeName}" can only create pods with an owner reference set to itself`);
  if (owners.length > 1) throw refuse(`node "${nodeName}" can only create pods with a single owner reference set to itself`);
  if (owner.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== nodeName) {
    throw refuse(`node "${nodeName}" can only create pods with an owner reference set to itself`);
  }
  if (owner.controller !== true) {
    throw refuse(`node "${nodeName}" can only create pods with a controller owner reference set to itself`);
  }
  if (owner.blockOwnerDeletion === true) {
    throw refuse(`node "${nodeName}" must not set blockOwnerDeletion on an owner reference`);
  }
  const node = storage.get({ resource: 'nodes', namespace: '', name: nodeName });
  if (node?.metadata.uid !== owner.uid) {
    throw refuse(`node ${nodeName} UID mismatch: expected ${owner.uid} got ${node?.metadata.uid ?? ''}`);
  }

  const references = podReferences(pod.metadata.namespace ?? '', pod.metadata.name ?? '', spec);
  if (textOf(spec.serviceAccountName) !== '') {
    throw refuse(`node "${nodeName}" can not create pods that reference a service account`);
  }
  if (references.secrets.size > 0) throw refuse(`node "${nodeName}" can not create pods that reference secrets`);
  if (references.configMaps.size > 0) throw refuse(`node "${nodeName}" can not create pods that reference configmaps`);
  if (references.claims.size > 0 || itemsOf(spec.volumes).some((volume) => volume.ephemeral !== undefined)) {
    throw refuse(`node "${nodeName}" can not create pods that reference persistentvolumeclaims`);
  }
}
