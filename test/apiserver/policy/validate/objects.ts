import { type Admission, type FieldError, invalid } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { type Fields, fieldsOf, itemsOf, numberOf, sameJson, textOf } from '../fields.ts';
import { validateCertificateRequest } from './certificate-request.ts';
import { forbiddenField, invalidValue, required } from './field-errors.ts';
import { validatePod, validatePodSpec, validatePodUpdate } from './pod.ts';

/**
 * The checks that a cluster makes beyond those of the API itself (metadata, ConfigMaps, Secrets), as far as clients of this
 * project meet them: not every rule of every kind.
 * @throws ApiError 422 with a cause for each mistake
 */
export function validateObject(admission: Admission): void {
  const { resource, object, previous } = admission;
  const errors = specificErrors(resource.id, object, previous);
  // Both forms of an event are checked as the core one.
  const kind = resource.kind === 'Event' ? { group: '', kind: 'Event' } : resource;
  if (errors.length > 0) throw invalid(kind, object.metadata.name ?? '', errors);
}

function specificErrors(resourceId: string, object: KubeObject, previous: KubeObject | undefined): FieldError[] {
  const spec = fieldsOf(object.spec);
  switch (resourceId) {
    case 'pods':
      return previous === undefined ? validatePod(object) : validatePodUpdate(object, previous);
    case 'nodes':
      return previous === undefined ? [] : nodeUpdateErrors(object, previous);
    case 'services':
      return serviceErrors(object);
    case 'apps/deployments':
    case 'apps/daemonsets':
    case 'apps/replicasets':
      return [
        ...selectorErrors(spec, previous),
        ...validatePodSpec('spec.template.spec', fieldsOf(fieldsOf(spec.template).spec)),
      ];
    case 'rbac.authorization.k8s.io/clusterrolebindings':
    case 'rbac.authorization.k8s.io/rolebindings':
      return roleRefErrors(object, previous);
    case 'certificates.k8s.io/certificatesigningrequests':
      return validateCertificateRequest(object, previous);
    case 'coordination.k8s.io/leases':
      return leaseErrors(object);
    case 'events':
      return eventErrors(object);
    case 'events.k8s.io/events':
      return newEventErrors(object);
    default:
      return [];
  }
}

/** Whose pods a workload's are is settled when it is made. */
function selectorErrors(spec: Fields, previous: KubeObject | undefined): FieldError[] {
  if (previous === undefined || sameJson(spec.selector, fieldsOf(previous.spec).selector)) return [];
  return [invalidValue('spec.selector', JSON.stringify(spec.selector), 'field is immutable')];
}

/** Which rights a binding gives is settled when it is made; to whom may change. */
function roleRefErrors(binding: KubeObject, previous: KubeObject | undefined): FieldError[] {
  if (previous === undefined || sameJson(binding.roleRef, previous.roleRef)) return [];
  return [invalidValue('roleRef', JSON.stringify(binding.roleRef), 'cannot change roleRef')];
}

/** A node's address range is given once. */
function nodeUpdateErrors(node: KubeObject, previous: KubeObject): FieldError[] {
  const before = textOf(fieldsOf(previous.spec).podCIDR);
  if (before === '' || sameJson(fieldsOf(node.spec).podCIDR, before)) return [];
  return [forbiddenField('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid')];
}

function serviceErrors(service: KubeObject): FieldError[] {
  const spec = fieldsOf(service.spec);
  const needsPorts = spec.type !== 'ExternalName' && spec.clusterIP !== 'None';
  return needsPorts && itemsOf(spec.ports).length === 0 ? [required('spec.ports')] : [];
}

function leaseErrors(lease: KubeObject): FieldError[] {
  const seconds = numberOf(fieldsOf(lease.spec).leaseDurationSeconds);
  if (seconds === undefined || seconds > 0) return [];
  return [invalidValue('spec.leaseDurationSeconds', seconds, 'must be greater than 0')];
}

/** An event lives in the namespace of what it is about; events about cluster-scoped things live in `default`. */
function eventErrors(event: KubeObject): FieldError[] {
  const about = textOf(fieldsOf(event.involvedObject).namespace);
  const namespace = event.metadata.namespace ?? '';
  if (about === namespace || (about === '' && namespace === 'default')) return [];
  return [invalidValue('involvedObject.namespace', about, 'does not match event.namespace')];
}

/** events.k8s.io/v1 asks for more than the core form. */
function newEventErrors(event: KubeObject): FieldError[] {
  const type = textOf(event.type);
  return [
    ...(textOf(event.eventTime) === '' ? [required('eventTime')] : []),
    ...(type === 'Normal' || type === 'Warning' ? [] : [invalidValue('type', '', `has invalid value: ${type}`)]),
  ];
}
