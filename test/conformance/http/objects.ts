/** What the kit knows of a Kubernetes object: as JSON on the wire, with nothing promised beyond its metadata. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: Metadata;
  readonly [field: string]: unknown;
}

export interface Metadata {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly continue?: string;
  readonly remainingItemCount?: number;
  readonly [field: string]: unknown;
}

export interface KubeList extends KubeObject {
  readonly items: readonly KubeObject[];
}

/** A failure as Kubernetes tells it (meta/v1 Status). */
export interface Status extends KubeObject {
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly code?: number;
  readonly details?: {
    readonly name?: string;
    readonly group?: string;
    readonly kind?: string;
    readonly uid?: string;
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { readonly reason?: string; readonly message?: string; readonly field?: string }[];
  };
}

/** One kind that a server serves, as its discovery says. */
export interface Kind {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  /** The plural in paths: `configmaps`. */
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

export function groupVersionOf({ group, version }: Pick<Kind, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`;
}

/** Of a collection, or with a name of one object. `namespace` "" is all of them. */
export function pathOf(kind: Kind, namespace: string, name = '', subresource = ''): string {
  const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const scope = kind.namespaced && namespace !== '' ? `/namespaces/${namespace}` : '';
  return [`${root}${scope}/${kind.resource}`, name, subresource].filter((part) => part !== '').join('/');
}

/** `namespace/name`, or the name alone of what has no namespace. */
export function keyOf({ metadata: { namespace = '', name = '' } }: KubeObject): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isKubeObject(value: unknown): value is KubeObject {
  return isObject(value) && isObject(value.metadata);
}

/** `versionA` is after `versionB`; undefined where they are no whole numbers, which only Kubernetes 1.35 and later promise. */
export function isAfter(versionA: string | undefined, versionB: string | undefined): boolean | undefined {
  const [a = '', b = ''] = [versionA, versionB];
  return /^\d+$/.test(a) && /^\d+$/.test(b) ? BigInt(a) > BigInt(b) : undefined;
}
