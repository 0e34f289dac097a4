import type { KubeObject } from '@hawser/protocol';

/** A Secret without its values: each is told by its size only. Other objects are left as they are. */
export function withoutSecretValues(object: KubeObject): KubeObject {
  if (object.kind !== 'Secret') return object;
  const { data, stringData: _plain, ...rest } = object;
  const hidden = Object.entries(data ?? {}).map(([key, value]) => [key, describeHidden(value)]);
  return { ...rest, ...(data === undefined ? {} : { data: Object.fromEntries(hidden) }) };
}

function describeHidden(value: unknown): string {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64').length : 0;
  return `(${bytes} bytes hidden; --show-secrets shows them)`;
}
