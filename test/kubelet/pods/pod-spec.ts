import type { KubeObject } from '@hawser/protocol';
import { type Fields, fieldsOf, itemsOf, textOf } from '../../apiserver/policy/fields.ts';
import type { Reference } from '../objects.ts';

/** A token that a volume shows. */
export interface TokenNeed {
  readonly serviceAccount: string;
  /** "" for the API server's own. */
  readonly audience: string;
  readonly expirationSeconds: number;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly isInit: boolean;
  readonly hasReadinessProbe: boolean;
  readonly resources: Fields;
  readonly volumeMounts: readonly Fields[];
}

/** A reference, and whether the pod starts without the object too. */
export type Need = Reference & { readonly optional: boolean };

const DEFAULT_TOKEN_SECONDS = 3_600;
const DEFAULT_GRACE_SECONDS = 30;

export function containersOf(pod: KubeObject): Container[] {
  const spec = fieldsOf(pod.spec);
  const read = (isInit: boolean) => (container: Fields) => ({
    name: textOf(container.name),
    image: textOf(container.image),
    isInit,
    hasReadinessProbe: container.readinessProbe !== undefined,
    resources: fieldsOf(container.resources),
    volumeMounts: itemsOf(container.volumeMounts),
  });
  return [...itemsOf(spec.initContainers).map(read(true)), ...itemsOf(spec.containers).map(read(false))];
}

export function volumesOf(pod: KubeObject): Fields[] {
  return itemsOf(fieldsOf(pod.spec).volumes);
}

/** The sources of a projected volume; a ConfigMap or Secret volume is one source. */
export function sourcesOf(volume: Fields): Fields[] {
  if (volume.configMap !== undefined) return [{ configMap: volume.configMap }];
  if (volume.secret !== undefined) {
    const { secretName, ...secret } = fieldsOf(volume.secret);
    return [{ secret: { name: secretName, ...secret } }];
  }
  if (volume.downwardAPI !== undefined) return [{ downwardAPI: volume.downwardAPI }];
  return itemsOf(fieldsOf(volume.projected).sources);
}

/** The object that a source takes its files from. */
export function needOf(source: Fields, namespace: string): Need | undefined {
  for (const [field, resource] of [
    ['configMap', 'configmaps'],
    ['secret', 'secrets'],
  ] as const) {
    if (source[field] === undefined) continue;
    const { name, optional } = fieldsOf(source[field]);
    return { resource, namespace, name: textOf(name), optional: optional === true };
  }
  return undefined;
}

/** What volumes show. */
export function volumeNeeds(pod: KubeObject): Need[] {
  const namespace = pod.metadata.namespace ?? '';
  return volumesOf(pod)
    .flatMap(sourcesOf)
    .flatMap((source) => needOf(source, namespace) ?? []);
}

/** What environments are made of, when a container starts. */
export function environmentNeeds(pod: KubeObject): Need[] {
  const namespace = pod.metadata.namespace ?? '';
  const spec = fieldsOf(pod.spec);
  return [...itemsOf(spec.initContainers), ...itemsOf(spec.containers)].flatMap(({ env, envFrom }) => [
    ...itemsOf(env).flatMap(({ valueFrom }) => {
      const { configMapKeyRef, secretKeyRef } = fieldsOf(valueFrom);
      return needOf({ configMap: configMapKeyRef, secret: secretKeyRef }, namespace) ?? [];
    }),
    ...itemsOf(envFrom).flatMap(({ configMapRef, secretRef }) => {
      return needOf({ configMap: configMapRef, secret: secretRef }, namespace) ?? [];
    }),
  ]);
}

/** Each object once, those for pulling images too. */
export function referencesOf(pod: KubeObject): Reference[] {
  const namespace = pod.metadata.namespace ?? '';
  const pulling = itemsOf(fieldsOf(pod.spec).imagePullSecrets).map(({ name }) => ({
    ...{ resource: 'secrets' as const, namespace, name: textOf(name) },
  }));
  const all = [...volumeNeeds(pod), ...environmentNeeds(pod), ...pulling];
  return [...new Map(all.map(({ resource, name }) => [`${resource}/${name}`, { resource, namespace, name }])).values()];
}

export function tokenNeed(source: Fields, pod: KubeObject): TokenNeed | undefined {
  if (source.serviceAccountToken === undefined) return undefined;
  const { audience, expirationSeconds } = fieldsOf(source.serviceAccountToken);
  return {
    serviceAccount: textOf(fieldsOf(pod.spec).serviceAccountName) || 'default',
    audience: textOf(audience),
    expirationSeconds: typeof expirationSeconds === 'number' ? expirationSeconds : DEFAULT_TOKEN_SECONDS,
  };
}

export function graceOf(pod: KubeObject): number {
  const { terminationGracePeriodSeconds } = fieldsOf(pod.spec);
  return (
    pod.metadata.deletionGracePeriodSeconds ??
    (typeof terminationGracePeriodSeconds === 'number' ? terminationGracePeriodSeconds : DEFAULT_GRACE_SECONDS)
  );
}

export function isOver(pod: KubeObject): boolean {
  return ['Succeeded', 'Failed'].includes(textOf(fieldsOf(pod.status).phase));
}
