import { type ApiResource, diffStrategicMergePatch, type JsonObject, type KubeObject, resourceById } from '@hawser/protocol';
import type { Identity } from '../../api/policy.ts';
import type { Registry } from '../../api/registry/registry.ts';
import { ApiError } from '../../api/status.ts';
import { jsonOf } from './fields.ts';
import type { PodSpec, TokenSource } from './pod-spec.ts';

/** The local API as the hollow node uses it: in process, as the node. */
export interface HollowClient {
  readonly registry: Registry;
  readonly identity: Identity;
  /** Undefined when it is not there. */
  get(resource: string, namespace: string, name: string): Promise<KubeObject | undefined>;
  create(resource: string, namespace: string, object: KubeObject): Promise<KubeObject>;
  /** Replaces the object, as long as it has the resourceVersion that is in it. */
  update(resource: string, object: KubeObject): Promise<KubeObject>;
  /**
   * Writes the status as a kubelet does: a strategic merge patch of what differs, with the uid so that it never meets another object.
   * @returns whether anything differed
   */
  patchStatus(object: KubeObject, status: JsonObject): Promise<boolean>;
  /** The TokenRequest that the API answers, for a volume of the pod. */
  requestToken(pod: PodSpec, source: TokenSource): Promise<KubeObject>;
  patchEvent(namespace: string, name: string, patch: JsonObject): Promise<unknown>;
  /** The last delete of an object that is already marked. Gone is good. */
  remove(object: KubeObject): Promise<void>;
}

export function hollowClient(registry: Registry, identity: Identity): HollowClient {
  const target = (resource: ApiResource, namespace: string, name: string, subresource = '') => ({
    resource,
    namespace,
    name,
    subresource,
  });
  const targetOf = (object: KubeObject, subresource = '') => {
    const { namespace = '', name = '' } = object.metadata;
    return target(knownResource(object.kind === 'Pod' ? 'pods' : 'nodes'), namespace, name, subresource);
  };
  return {
    registry,
    identity,
    async get(resource, namespace, name) {
      try {
        return await registry.get(identity, target(knownResource(resource), namespace, name));
      } catch (error) {
        if (isGone(error)) return undefined;
        throw error;
      }
    },
    create: (resource, namespace, object) => registry.create(identity, target(knownResource(resource), namespace, ''), object),
    update(resource, object) {
      const { namespace = '', name = '' } = object.metadata;
      return registry.update(identity, target(knownResource(resource), namespace, name), object);
    },
    async patchStatus(object, status) {
      const patch = statusPatch(object, status);
      if (patch === undefined) return false;
      await registry.patch(identity, targetOf(object, 'status'), 'strategic', patch);
      return true;
    },
    async requestToken({ namespace, name, uid, serviceAccount }, { audience, expirationSeconds }) {
      const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name, uid };
      const body: KubeObject = {
        kind: 'TokenRequest',
        apiVersion: 'authentication.k8s.io/v1',
        metadata: {},
        spec: { audiences: audience === '' ? null : [audience], expirationSeconds, boundObjectRef },
      };
      const answer = await registry.submit(
        identity,
        target(knownResource('serviceaccounts'), namespace, serviceAccount, 'token'),
        body,
      );
      return answer.body;
    },
    patchEvent: (namespace, name, patch) =>
      registry.patch(identity, target(knownResource('events'), namespace, name), 'strategic', patch),
    async remove(object) {
      const { uid } = object.metadata;
      try {
        await registry.delete(identity, targetOf(object), { gracePeriodSeconds: 0, preconditions: { uid } });
      } catch (error) {
        if (!isGone(error)) throw error;
      }
    },
  };
}

/** Undefined when the status is as the object's already. */
export function statusPatch(object: KubeObject, status: JsonObject): JsonObject | undefined {
  const type = { apiVersion: object.apiVersion, kind: object.kind };
  const patch = diffStrategicMergePatch(type, { status: jsonOf(object.status) }, { status });
  const { uid } = object.metadata;
  return patch === undefined ? undefined : { metadata: uid === undefined ? {} : { uid }, ...patch };
}

export function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.code === 404;
}

/** Come again. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof ApiError && error.code === 503;
}

export function knownResource(id: string): ApiResource {
  const resource = resourceById(id);
  if (resource === undefined) throw new TypeError(`${id} is not in the resource table`);
  return resource;
}

export function collection(id: string): { resource: ApiResource; namespace: string; name: string; subresource: string } {
  return { resource: knownResource(id), namespace: '', name: '', subresource: '' };
}
