import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '@hawser/protocol';
import type { FieldError } from '../status.ts';
import { forbiddenValue, invalidValue, required, tooLong } from './errors.ts';

/** All values of a ConfigMap's or Secret's data together, in bytes. */
const MAX_DATA_BYTES = 1024 * 1024;
const MAX_KEY_LENGTH = 253;

export function configMapErrors(configMap: KubeObject): FieldError[] {
  const data = entriesOf(configMap.data);
  const binary = entriesOf(configMap.binaryData);
  const errors = [...keyErrors('data', data), ...keyErrors('binaryData', binary)];
  for (const [key] of binary) {
    if (data.some(([other]) => other === key)) {
      errors.push(invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData'));
    }
  }
  // The API server names no field here.
  if (textBytes(data) + base64Bytes(binary) > MAX_DATA_BYTES) errors.push(tooLong('[]', MAX_DATA_BYTES));
  return errors;
}

export function secretErrors(secret: KubeObject): FieldError[] {
  const data = entriesOf(secret.data);
  const errors = keyErrors('data', data);
  if (base64Bytes(data) > MAX_DATA_BYTES) errors.push(tooLong('data', MAX_DATA_BYTES));
  const keys = REQUIRED_KEYS.get(typeof secret.type === 'string' ? secret.type : '') ?? [];
  for (const key of keys) {
    if (!data.some(([present]) => present === key)) errors.push(required(`data[${key}]`));
  }
  return errors;
}

/** Secret type → keys that its data must have. */
const REQUIRED_KEYS: ReadonlyMap<string, readonly string[]> = new Map([
  ['kubernetes.io/tls', ['tls.crt', 'tls.key']],
  ['kubernetes.io/dockerconfigjson', ['.dockerconfigjson']],
  ['kubernetes.io/dockercfg', ['.dockercfg']],
  ['kubernetes.io/ssh-auth', ['ssh-privatekey']],
]);

/** What may not change in a ConfigMap or Secret that calls itself immutable, and the type of a Secret ever. */
export function configUpdateErrors(object: KubeObject, previous: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  if (object.kind === 'Secret' && object.type !== previous.type) {
    errors.push(invalidValue('type', String(object.type ?? ''), 'field is immutable'));
  }
  if (previous.immutable !== true) return errors;
  const why = 'field is immutable when `immutable` is set';
  if (object.immutable !== true) errors.push(forbiddenValue('immutable', why));
  for (const field of ['data', 'binaryData'] as const) {
    if (!isDeepStrictEqual(object[field] ?? {}, previous[field] ?? {})) errors.push(forbiddenValue(field, why));
  }
  return errors;
}

function entriesOf(map: unknown): [string, unknown][] {
  return typeof map === 'object' && map !== null ? Object.entries(map) : [];
}

function keyErrors(field: string, entries: [string, unknown][]): FieldError[] {
  return entries.flatMap(([key]) => {
    const why = keyProblem(key);
    return why === undefined ? [] : [invalidValue(`${field}[${key}]`, key, why)];
  });
}

function keyProblem(key: string): string | undefined {
  if (key.length > MAX_KEY_LENGTH) return `must be no more than ${MAX_KEY_LENGTH} characters`;
  if (!/^[-._a-zA-Z0-9]+$/.test(key)) {
    return (
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or " +
      "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
    );
  }
  if (key === '.') return "must not be '.'";
  return key.startsWith('..') ? "must not start with '..'" : undefined;
}

function textBytes(entries: [string, unknown][]): number {
  return entries.reduce((sum, [, value]) => sum + (typeof value === 'string' ? Buffer.byteLength(value) : 0), 0);
}

function base64Bytes(entries: [string, unknown][]): number {
  return entries.reduce((sum, [, value]) => sum + (typeof value === 'string' ? Buffer.byteLength(value, 'base64') : 0), 0);
}
