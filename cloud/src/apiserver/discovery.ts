import { type ApiResource, HawserError, isJsonObject, type JsonValue } from '@hawser/protocol';
import { requireObject } from './answer.ts';
import type { ApiClient } from './client.ts';

/**
 * Whether the server has the resource, from its own discovery documents: a 404 alone may come from anything on the way.
 * @throws HawserError `unreachable` when discovery does not say, and as ApiClient.request
 */
export async function isServed(
  client: ApiClient,
  { group, version, resource }: ApiResource,
  signal: AbortSignal,
): Promise<boolean> {
  const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const answer = await client.request({ method: 'GET', path, signal });
  if (answer.status === 200) {
    const { kind, resources } = requireObject(answer.text, `discovery of ${path}`);
    if (kind === 'APIResourceList' && Array.isArray(resources))
      return resources.some((entry) => field(entry, 'name') === resource);
  }
  if (answer.status === 404 && group !== '') return isGroupServed(client, group, version, signal);
  throw unclear(path, answer.status);
}

async function isGroupServed(client: ApiClient, group: string, version: string, signal: AbortSignal): Promise<boolean> {
  const answer = await client.request({ method: 'GET', path: '/apis', signal });
  const { kind, groups } = answer.status === 200 ? requireObject(answer.text, 'discovery of /apis') : {};
  if (kind !== 'APIGroupList' || !Array.isArray(groups)) throw unclear('/apis', answer.status);
  const versions = groups.filter((entry) => field(entry, 'name') === group).map((entry) => field(entry, 'versions'));
  if (!versions.flat().some((entry) => field(entry, 'version') === version)) return false;
  throw unclear(`/apis/${group}/${version}`, 404);
}

function field(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return value !== undefined && isJsonObject(value) ? value[name] : undefined;
}

function unclear(path: string, status: number): HawserError {
  return new HawserError('unreachable', `discovery of ${path} does not say what is served (HTTP status ${status})`);
}
