import { HawserError, isJsonObject, type JsonObject, type JsonValue } from '@hawser/protocol';
import type { DeviceReport } from '../../enroll/index.ts';
import { jsonObjectIn } from '../../json-object.ts';
import { LEASE_LABEL, type NodeLease, readLease } from '../../replicas/index.ts';
import { type Administrator, refusedBy } from '../administrator.ts';
import { devicesOf } from '../devices.ts';

/** Leases that are read at a time. */
const PAGE = 1_000;
/** As many pages: a fleet has no more nodes than a relay has sessions. */
const MOST_PAGES = 200;

/** What the cluster keeps about nodes, with a session or without. */
export interface Recorded {
  readonly leases: readonly NodeLease[];
  readonly devices: readonly DeviceReport[];
  /** What could not be read, and why. */
  readonly troubles: readonly string[];
}

export async function recorded(administrator: Administrator): Promise<Recorded> {
  const troubles: string[] = [];
  const or = async <T>(read: Promise<readonly T[]>): Promise<readonly T[]> => {
    try {
      return await read;
    } catch (error) {
      if (!(error instanceof HawserError)) throw error;
      troubles.push(`devices without a session may be missing: ${error.message}`);
      return [];
    }
  };
  const [leases, devices] = await Promise.all([or(nodeLeases(administrator)), or(devicesOf(administrator).devices())]);
  return { leases, devices, troubles };
}

async function nodeLeases({ api, namespace }: Administrator): Promise<readonly NodeLease[]> {
  const leases: NodeLease[] = [];
  const label = encodeURIComponent(`${LEASE_LABEL}=session`);
  const path = `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases?labelSelector=${label}&limit=${PAGE}`;
  let next = '';
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const answer = await api.request({
      method: 'GET',
      path: next === '' ? path : `${path}&continue=${encodeURIComponent(next)}`,
    });
    if (answer.status !== 200) throw refusedBy(`the Leases of the relays in ${namespace} were not read`, answer);
    const list = jsonObjectIn(answer.text);
    for (const item of objectsIn(list.items)) {
      const lease = readLease(JSON.stringify(item));
      if (lease?.type === 'node') leases.push(lease);
    }
    const { continue: more } = isJsonObject(list.metadata) ? list.metadata : {};
    if (typeof more !== 'string' || more === '') return leases;
    next = more;
  }
  return leases;
}

function objectsIn(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
