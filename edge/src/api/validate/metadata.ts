import type { ApiResource, ObjectMeta } from '@hawser/protocol';
import type { FieldError } from '../status.ts';
import { forbiddenValue, invalidValue, required, tooLong } from './errors.ts';

/** All keys and values of the annotations together, in bytes (ObjectMeta). */
const MAX_ANNOTATIONS_BYTES = 256 * 1024;
const MAX_SUBDOMAIN_LENGTH = 253;
const MAX_LABEL_LENGTH = 63;

/** Mistakes in the metadata of an object that is about to be stored. */
export function metadataErrors(resource: ApiResource, metadata: ObjectMeta): FieldError[] {
  return [...nameErrors(resource, metadata), ...labelErrors(metadata), ...annotationErrors(metadata)];
}

function nameErrors(resource: ApiResource, metadata: ObjectMeta): FieldError[] {
  const { name, namespace } = metadata;
  const scope =
    !resource.namespaced && namespace !== undefined ? [forbiddenValue('metadata.namespace', 'not allowed on this type')] : [];
  if (name === undefined) return [required('metadata.name', 'name or generateName is required'), ...scope];
  const why = nameProblem(resource, name);
  return why === undefined ? scope : [invalidValue('metadata.name', name, why), ...scope];
}

/** Kinds whose names are DNS labels; all others are subdomains, and events take whatever can stand in a path. */
const NAMED_BY_LABEL: ReadonlySet<string> = new Set(['namespaces', 'services']);

function nameProblem(resource: ApiResource, name: string): string | undefined {
  if (resource.id === 'events') return /^\.{1,2}$|[/%]/.test(name) ? "may not be '.' or '..' or contain '/' or '%'" : undefined;
  return NAMED_BY_LABEL.has(resource.id) ? dnsLabelProblem(name) : dnsSubdomainProblem(name);
}

/** RFC 1123 subdomain. */
export function dnsSubdomainProblem(value: string): string | undefined {
  if (value.length > MAX_SUBDOMAIN_LENGTH) return `must be no more than ${MAX_SUBDOMAIN_LENGTH} characters`;
  if (/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(value)) return undefined;
  return (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end " +
    "with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
  );
}

/** RFC 1123 label. */
export function dnsLabelProblem(value: string): string | undefined {
  if (value.length > MAX_LABEL_LENGTH) return `must be no more than ${MAX_LABEL_LENGTH} characters`;
  if (/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(value)) return undefined;
  return (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an " +
    "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
  );
}

const QUALIFIED_NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const NAME_PART =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " +
  "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an " +
  "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is " +
  "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

function labelErrors(metadata: ObjectMeta): FieldError[] {
  return Object.entries(metadata.labels ?? {}).flatMap(([key, value]) => {
    const errors = keyErrors('metadata.labels', key);
    if (value.length > MAX_LABEL_LENGTH)
      errors.push(invalidValue('metadata.labels', value, 'must be no more than 63 characters'));
    else if (value !== '' && !QUALIFIED_NAME.test(value)) errors.push(invalidValue('metadata.labels', value, LABEL_VALUE));
    return errors;
  });
}

function annotationErrors(metadata: ObjectMeta): FieldError[] {
  const entries = Object.entries(metadata.annotations ?? {});
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  const errors = entries.flatMap(([key]) => keyErrors('metadata.annotations', key));
  if (bytes > MAX_ANNOTATIONS_BYTES) errors.push(tooLong('metadata.annotations', MAX_ANNOTATIONS_BYTES));
  return errors;
}

/** A key is a name, or a subdomain, a slash and a name. */
function keyErrors(field: string, key: string): FieldError[] {
  const slash = key.indexOf('/');
  const prefix = slash < 0 ? undefined : key.slice(0, slash).toLowerCase();
  const name = key.slice(slash + 1);
  const errors: FieldError[] = [];
  if (prefix === '') errors.push(invalidValue(field, key, 'prefix part must be non-empty'));
  else if (prefix !== undefined) {
    const why = dnsSubdomainProblem(prefix);
    if (why !== undefined) errors.push(invalidValue(field, key, `prefix part ${why}`));
  }
  if (name === '') errors.push(invalidValue(field, key, 'name part must be non-empty'));
  else if (name.length > MAX_LABEL_LENGTH) {
    errors.push(invalidValue(field, key, `name part must be no more than ${MAX_LABEL_LENGTH} characters`));
  } else if (!QUALIFIED_NAME.test(name)) errors.push(invalidValue(field, key, NAME_PART));
  return errors;
}
