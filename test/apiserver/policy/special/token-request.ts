import {
  badRequest,
  conflict,
  forbidden,
  invalid,
  nodeNameOf,
  notFound,
  type ResourceName,
  type SpecialAnswer,
  type SpecialRequest,
  timestamp,
} from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { type Fields, fieldsOf, isFields, itemsOf, numberOf, textOf, textsOf } from '../fields.ts';
import { ISSUER, type ServiceAccountTokens } from '../service-account-tokens.ts';
import { invalidValue } from '../validate/field-errors.ts';

const SERVICE_ACCOUNTS: ResourceName = { group: '', resource: 'serviceaccounts' };
const DEFAULT_SECONDS = 3600;
const SHORTEST_SECONDS = 600;
/** Kinds that a token may be bound to. */
const BOUND_KINDS: Readonly<Record<string, ResourceName>> = {
  Pod: { group: '', resource: 'pods' },
  Secret: { group: '', resource: 'secrets' },
  Node: { group: '', resource: 'nodes' },
};

/**
 * POST serviceaccounts/NAME/token.
 * @throws ApiError 404, 422 for a lifetime under ten minutes, 409 (403 for a node) for a bound object of another uid, 400 for a pod
 * that runs as another account
 */
export async function requestToken(request: SpecialRequest, tokens: ServiceAccountTokens): Promise<SpecialAnswer> {
  const { storage, namespace, name, now } = request;
  const spec = fieldsOf(request.body?.spec);
  const reference = isFields(spec.boundObjectRef) ? spec.boundObjectRef : undefined;
  const nodeName = nodeNameOf(request.identity);
  if (nodeName !== undefined) restrictToken(nodeName, request, spec, reference);

  const serviceAccount = storage.get({ resource: 'serviceaccounts', namespace, name });
  if (serviceAccount === undefined) throw notFound(SERVICE_ACCOUNTS, name);
  const lifetimeSeconds = numberOf(spec.expirationSeconds) ?? DEFAULT_SECONDS;
  if (lifetimeSeconds < SHORTEST_SECONDS) {
    throw invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest' }, '', [
      invalidValue('spec.expirationSeconds', lifetimeSeconds, 'may not specify a duration less than 10 minutes'),
    ]);
  }
  const bound = reference === undefined ? undefined : boundObject(request, reference);
  const pod = bound?.kind === 'Pod' ? bound : undefined;
  const podNode = textOf(fieldsOf(pod?.spec).nodeName);
  const node = podNode === '' ? undefined : storage.get({ resource: 'nodes', namespace: '', name: podNode });

  const audiences = textsOf(spec.audiences);
  const asked = audiences.length === 0 ? [ISSUER] : audiences;
  const token = await tokens.sign({ serviceAccount, audiences: asked, lifetimeSeconds, pod, node, now });
  return {
    status: 201,
    body: {
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: {
        name,
        namespace,
        ...(serviceAccount.metadata.uid === undefined ? {} : { uid: serviceAccount.metadata.uid }),
        creationTimestamp: timestamp(now),
      },
      spec: { audiences: asked, expirationSeconds: lifetimeSeconds, boundObjectRef: reference ?? null },
      status: { token, expirationTimestamp: timestamp(new Date(now.getTime() + lifetimeSeconds * 1000)) },
    },
  };
}

function boundObject(request: SpecialRequest, reference: Fields): KubeObject {
  const kind = textOf(reference.kind);
  const resource = BOUND_KINDS[kind];
  if (resource === undefined || textOf(reference.apiVersion) !== 'v1') {
    throw badRequest(`cannot bind token to object of type ${describeType(reference)}`);
  }
  const name = textOf(reference.name);
  const namespace = kind === 'Node' ? '' : request.namespace;
  const object = request.storage.get({ resource: resource.resource, namespace, name });
  if (object === undefined) throw notFound(resource, name);
  if (kind === 'Pod' && fieldsOf(object.spec).serviceAccountName !== request.name) {
    const account = JSON.stringify(request.name);
    throw badRequest(`cannot bind token for serviceaccount ${account} to pod running with different serviceaccount name.`);
  }
  const uid = textOf(reference.uid);
  if (uid !== '' && uid !== object.metadata.uid) throw conflict({ group: '', resource: kind }, name, otherUid(uid));
  return object;
}

/** NodeRestriction: a node gets tokens only for its own pods, and says which by name and uid. */
function restrictToken(nodeName: string, request: SpecialRequest, spec: Fields, reference: Fields | undefined): void {
  const refuse = (why: string) => forbidden(SERVICE_ACCOUNTS, request.name, why);
  if (reference === undefined || reference.kind !== 'Pod' || reference.apiVersion !== 'v1') {
    throw refuse('node requested token not bound to a pod');
  }
  const uid = textOf(reference.uid);
  if (uid === '') throw refuse('node requested token with a pod binding without a uid');
  const podName = textOf(reference.name);
  const pod = request.storage.get({ resource: 'pods', namespace: request.namespace, name: podName });
  // Here the server looks into a cache whose errors name the kind in the singular.
  if (pod === undefined) throw notFound({ group: '', resource: 'pod' }, podName);
  if (pod.metadata.uid !== uid) throw refuse(otherUid(uid));
  if (fieldsOf(pod.spec).nodeName !== nodeName) throw refuse('node requested token bound to a pod scheduled on a different node');

  const audiences = textsOf(spec.audiences);
  if (audiences.length > 1) throw refuse('node may only request 0 or 1 audiences');
  const [audience] = audiences;
  if (audience !== undefined && audience !== '') refuseAudience(request, pod, audience, refuse);
}

/** The audience must stand in a projected token of the pod, or be one that a CSI driver of the pod asks for. */
function refuseAudience(request: SpecialRequest, pod: KubeObject, audience: string, refuse: (why: string) => Error): void {
  for (const volume of itemsOf(fieldsOf(pod.spec).volumes)) {
    const sources = itemsOf(fieldsOf(volume.projected).sources);
    if (sources.some((source) => fieldsOf(source.serviceAccountToken).audience === audience)) return;
    for (const driverName of driversOf(request, pod, volume)) {
      const driver = request.storage.get({ resource: 'storage.k8s.io/csidrivers', namespace: '', name: driverName });
      if (driver === undefined) {
        throw refuse(`error validating audience "${audience}": csidriver.storage.k8s.io "${driverName}" not found`);
      }
      if (itemsOf(fieldsOf(driver.spec).tokenRequests).some((asked) => asked.audience === audience)) return;
    }
  }
  throw refuse(`audience "${audience}" not found in pod spec volume`);
}

/** The CSI driver of a volume: its own, or that of the PersistentVolume behind its claim. */
function driversOf(request: SpecialRequest, pod: KubeObject, volume: Fields): string[] {
  const inline = textOf(fieldsOf(volume.csi).driver);
  if (inline !== '') return [inline];
  const claimName = textOf(fieldsOf(volume.persistentVolumeClaim).claimName);
  if (claimName === '') return [];
  const namespace = pod.metadata.namespace ?? '';
  const claim = request.storage.get({ resource: 'persistentvolumeclaims', namespace, name: claimName });
  const volumeName = textOf(fieldsOf(claim?.spec).volumeName);
  const persistent = request.storage.get({ resource: 'persistentvolumes', namespace: '', name: volumeName });
  const driver = textOf(fieldsOf(fieldsOf(persistent?.spec).csi).driver);
  return driver === '' ? [] : [driver];
}

function otherUid(uid: string): string {
  return (
    `the UID in the bound object reference (${uid}) does not match the UID in record. ` +
    'The object might have been deleted and then recreated'
  );
}

/** `/v1, Kind=Service`, as the server prints a group, version and kind. */
function describeType(reference: Fields): string {
  const apiVersion = textOf(reference.apiVersion);
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/', 2) : ['', apiVersion];
  return `${group}/${version}, Kind=${textOf(reference.kind)}`;
}
