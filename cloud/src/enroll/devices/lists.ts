import { HawserError, isJsonObject, type JsonObject } from '@hawser/protocol';
import { jsonObjectIn } from '../../json-object.ts';
import type { CallCounts, NodeApi } from '../../upstream/index.ts';

/** In milliseconds. */
const TIMEOUT_MS = 10_000;

export interface ListPage {
  readonly items: readonly JsonObject[];
  /** Empty on the last page. */
  readonly continueToken: string;
}

/**
 * One page of a list.
 * @param what for the message: "the records of devices were not listed"
 * @throws HawserError `unreachable` for anything but a list
 */
export async function readList(
  { api, counts }: { readonly api: NodeApi; readonly counts: CallCounts },
  path: string,
  what: string,
): Promise<ListPage> {
  const { status, text } = await api.request({ method: 'GET', path, timeoutMs: TIMEOUT_MS });
  counts.apiCall('GET', status);
  const body = jsonObjectIn(text);
  if (status !== 200 || !Array.isArray(body.items)) {
    throw new HawserError('unreachable', `${what}: ${typeof body.message === 'string' ? body.message : `HTTP status ${status}`}`);
  }
  const token = isJsonObject(body.metadata) ? body.metadata.continue : undefined;
  return { items: body.items.filter(isJsonObject), continueToken: typeof token === 'string' ? token : '' };
}

/** With the right to list Nodes, which the relay has anyway, and from the API server itself: a watch may lag. @throws as `readList` */
export async function hasNode(from: Parameters<typeof readList>[0], nodeName: string): Promise<boolean> {
  const selector = encodeURIComponent(`metadata.name=${nodeName}`);
  const { items } = await readList(
    from,
    `/api/v1/nodes?fieldSelector=${selector}`,
    `it is not known whether a Node ${nodeName} is there`,
  );
  return items.some(({ metadata }) => isJsonObject(metadata) && metadata.name === nodeName);
}
