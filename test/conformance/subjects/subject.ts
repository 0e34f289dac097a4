import type { Kind, KubeObject } from '../http/objects.ts';

/** Objects that the kit may make, change and remove again on this server: what most checks are done with. */
export interface Subject {
  /** For people: "ConfigMaps", "mirror pods". */
  readonly title: string;
  readonly kind: Kind;
  readonly namespace: string;
  /** Through which path an object is changed: "" or `status`. */
  readonly through: '' | 'status';
  /** Whether a change may give it other labels. Some identities may not (a node those of its pods). */
  readonly relabels: boolean;
  readonly updates: boolean;
  readonly patches: boolean;
  readonly deletesCollections: boolean;
  /** Whether the body of a create holds the value already; pods get theirs by status. */
  readonly createsWithValue: boolean;
  /** An object to create. */
  body(name: string, labels: Labels, value: string): KubeObject;
  /** Something in it that the checks change, and that nobody else does. */
  valueOf(object: KubeObject): string | undefined;
  withValue(object: KubeObject, value: string): KubeObject;
  /** Names of the fields on the way to the value: `data`, `value`. */
  readonly valuePath: readonly [string, string];
}

export type Labels = Readonly<Record<string, string>>;

/** A kind that may serve as a subject, before it is known what the server allows. */
export type Candidate = Pick<Subject, 'title' | 'kind' | 'through' | 'body' | 'createsWithValue' | 'valuePath'>;

/** The value stands in one field of a map or struct of the object. */
export function valueAt(object: KubeObject, [outer, inner]: Subject['valuePath']): string | undefined {
  const holder = object[outer];
  const value = typeof holder === 'object' && holder !== null && inner in holder ? Reflect.get(holder, inner) : undefined;
  return typeof value === 'string' ? value : undefined;
}

export function objectWithValue(object: KubeObject, [outer, inner]: Subject['valuePath'], value: string): KubeObject {
  const holder = object[outer];
  return { ...object, [outer]: { ...(typeof holder === 'object' ? holder : {}), [inner]: value } };
}
