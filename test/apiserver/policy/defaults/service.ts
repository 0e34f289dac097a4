import type { Storage } from '@hawser/edge';
import { type Fields, fieldsOf, itemsOf, textOf } from '../fields.ts';

/** The service network of the embedded cluster: 10.96.0.0/16; .0.1 is the API server's own. */
const NETWORK_PREFIX = '10.96';
const FIRST_FREE = 10;
const ADDRESSES = 65_534;

/** core/v1 defaults of a Service's spec, with a cluster address for the types that have one. */
export function defaultServiceSpec(spec: Fields, storage: Storage): Fields {
  const type = spec.type ?? 'ClusterIP';
  const ports = itemsOf(spec.ports).map((port) => ({
    ...port,
    protocol: port.protocol ?? 'TCP',
    targetPort: port.targetPort ?? port.port,
  }));
  const common = {
    ...spec,
    ...(ports.length === 0 ? {} : { ports }),
    type,
    sessionAffinity: spec.sessionAffinity ?? 'None',
  };
  if (type === 'ExternalName') return common;
  const clusterIP = textOf(spec.clusterIP) || freeAddress(storage);
  return {
    ...common,
    clusterIP,
    clusterIPs: spec.clusterIPs ?? [clusterIP],
    ipFamilies: spec.ipFamilies ?? ['IPv4'],
    ipFamilyPolicy: spec.ipFamilyPolicy ?? 'SingleStack',
    internalTrafficPolicy: spec.internalTrafficPolicy ?? 'Cluster',
    ...(type === 'ClusterIP' ? {} : { externalTrafficPolicy: spec.externalTrafficPolicy ?? 'Cluster' }),
    ...(type === 'LoadBalancer' ? { allocateLoadBalancerNodePorts: spec.allocateLoadBalancerNodePorts ?? true } : {}),
  };
}

function freeAddress(storage: Storage): string {
  const taken = new Set(storage.list('services').map((service) => textOf(fieldsOf(service.spec).clusterIP)));
  for (let number = FIRST_FREE; number < ADDRESSES; number++) {
    const address = `${NETWORK_PREFIX}.${number >> 8}.${number & 0xff}`;
    if (!taken.has(address)) return address;
  }
  throw new Error(`all ${ADDRESSES} service addresses are taken`);
}
