import type { ApiResource, KubeObject } from '@hawser/protocol';
import { type FieldError, invalid } from '../status.ts';
import { configMapErrors, configUpdateErrors, secretErrors } from './config.ts';
import { metadataErrors } from './metadata.ts';

/** Mistakes of one kind's own fields. */
interface KindRules {
  readonly errors?: (object: KubeObject) => FieldError[];
  readonly updateErrors?: (object: KubeObject, previous: KubeObject) => FieldError[];
}

const RULES: ReadonlyMap<string, KindRules> = new Map<string, KindRules>([
  ['configmaps', { errors: configMapErrors, updateErrors: configUpdateErrors }],
  ['secrets', { errors: secretErrors, updateErrors: configUpdateErrors }],
]);

/** @throws ApiError 422 naming every mistake */
export function validateCreate(resource: ApiResource, object: KubeObject): void {
  const errors = [...metadataErrors(resource, object.metadata), ...(RULES.get(resource.id)?.errors?.(object) ?? [])];
  if (errors.length > 0) throw invalid(resource, object.metadata.name ?? '', errors);
}

/** @throws ApiError 422 naming every mistake */
export function validateUpdate(resource: ApiResource, subresource: string, object: KubeObject, previous: KubeObject): void {
  const errors = metadataErrors(resource, object.metadata);
  const rules = RULES.get(resource.id);
  if (subresource === '') errors.push(...(rules?.updateErrors?.(object, previous) ?? []), ...(rules?.errors?.(object) ?? []));
  if (errors.length > 0) throw invalid(resource, object.metadata.name ?? '', errors);
}
