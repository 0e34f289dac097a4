export type { JsonObject, JsonValue, KubeObject, ObjectMeta, OwnerReference } from './kubernetes/object.ts';
export type { ApiResource } from './kubernetes/resources.ts';
export { API_RESOURCES, apiVersionOf, resourceById, resourceByKind, resourcePath } from './kubernetes/resources.ts';
