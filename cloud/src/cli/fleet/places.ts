import { HawserError, isJsonObject, type JsonObject, type JsonValue } from '@hawser/protocol';
import { jsonObjectIn } from '../../json-object.ts';
import { type Administrator, refusedBy } from '../administrator.ts';

/** Where a replica answers administrators. */
export interface Place {
  /** Of its pod; of one that was named by its address, that. */
  readonly replica: string;
  readonly host: string;
  readonly port: number;
}

/** Replicas that are asked; a Deployment has a handful. More are named and not asked. */
export const MOST_PLACES = 64;
/** The port of the headless Service. */
const PORT_NAME = 'admin';

/** @throws HawserError when the API server is away or refuses, or names no replica */
export async function findPlaces({ api, namespace }: Administrator, service: string): Promise<readonly Place[]> {
  const label = encodeURIComponent(`kubernetes.io/service-name=${service}`);
  const path = `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/endpointslices?labelSelector=${label}`;
  const answer = await api.request({ method: 'GET', path });
  if (answer.status !== 200) throw refusedBy(`the EndpointSlices of the Service ${namespace}/${service} were not read`, answer);
  const { items } = jsonObjectIn(answer.text);
  const places = placesIn(Array.isArray(items) ? items : []);
  if (places.length > 0) return places;
  const message =
    `no replica was found: no EndpointSlice of the Service ${namespace}/${service} has an address and a port "${PORT_NAME}"; ` +
    'name another Service with --service, another namespace with -n, or a replica itself with --replica https://HOST:PORT';
  throw new HawserError('unreachable', message);
}

/** Those of all slices, each pod once. What is wrong in one is passed over. */
export function placesIn(slices: readonly JsonValue[]): readonly Place[] {
  const found = new Map<string, Place>();
  for (const slice of slices) {
    if (!isJsonObject(slice) || (slice.addressType !== 'IPv4' && slice.addressType !== 'IPv6')) continue;
    const port = objectsIn(slice.ports).find(({ name }) => name === PORT_NAME)?.port;
    if (typeof port !== 'number') continue;
    for (const { addresses, targetRef } of objectsIn(slice.endpoints)) {
      const host = Array.isArray(addresses) ? addresses[0] : undefined;
      if (typeof host !== 'string') continue;
      const name = isJsonObject(targetRef) ? targetRef.name : undefined;
      const replica = typeof name === 'string' ? name : `${host}:${port}`;
      if (!found.has(replica)) found.set(replica, { replica, host, port });
    }
  }
  return [...found.values()].toSorted((a, b) => (a.replica < b.replica ? -1 : 1));
}

/** @throws HawserError `bad_config` */
export function placeAt(address: string): Place {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol !== 'https:' || url.pathname !== '/' || url.username !== '') {
    throw new HawserError('bad_config', `--replica: ${JSON.stringify(address)} is no address of a replica: https://HOST:PORT`);
  }
  return { replica: url.host, host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? 443 : Number(url.port) };
}

function objectsIn(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
