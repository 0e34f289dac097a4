import { type Fields, fieldsOf, isFields, itemsOf, textOf } from '../fields.ts';

const DEFAULT_MODE = 0o644;
/** Seconds that a pod stays on a node that is not ready or not reachable. */
const EVICTION_DELAY_SECONDS = 300;
const IMPLICIT_TAINTS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

/** The values that core/v1 gives to what a pod's spec leaves open. Also right for the template of a workload. */
export function defaultPodSpec(spec: Fields): Fields {
  return {
    ...spec,
    ...listIfAny('volumes', itemsOf(spec.volumes).map(defaultVolume)),
    ...listIfAny('initContainers', itemsOf(spec.initContainers).map(defaultContainer)),
    containers: itemsOf(spec.containers).map(defaultContainer),
    restartPolicy: spec.restartPolicy ?? 'Always',
    terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds ?? 30,
    dnsPolicy: spec.dnsPolicy ?? 'ClusterFirst',
    securityContext: spec.securityContext ?? {},
    schedulerName: spec.schedulerName ?? 'default-scheduler',
    ...serviceAccountNames(spec),
  };
}

/** What only pods get, not templates: admission's tolerations and the links to services. */
export function defaultLivePodSpec(spec: Fields, priority: { value: number; preemptionPolicy: string; name: string }): Fields {
  return {
    ...defaultPodSpec(spec),
    tolerations: [...itemsOf(spec.tolerations), ...missingTolerations(itemsOf(spec.tolerations))],
    ...(priority.name === '' ? {} : { priorityClassName: priority.name }),
    priority: priority.value,
    enableServiceLinks: spec.enableServiceLinks ?? true,
    preemptionPolicy: spec.preemptionPolicy ?? priority.preemptionPolicy,
  };
}

/** https://kubernetes.io/docs/concepts/workloads/pods/pod-qos: by the requests and limits of cpu and memory. */
export function qosClass(spec: Fields): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers = [...itemsOf(spec.initContainers), ...itemsOf(spec.containers)].map((container) => {
    const resources = fieldsOf(container.resources);
    return { requests: fieldsOf(resources.requests), limits: fieldsOf(resources.limits) };
  });
  const counted = ['cpu', 'memory'];
  const asksForAny = containers.some(({ requests, limits }) =>
    counted.some((name) => requests[name] !== undefined || limits[name] !== undefined),
  );
  if (!asksForAny) return 'BestEffort';
  const isFixed = containers.every(({ requests, limits }) =>
    counted.every((name) => limits[name] !== undefined && (requests[name] ?? limits[name]) === limits[name]),
  );
  return isFixed ? 'Guaranteed' : 'Burstable';
}

function missingTolerations(tolerations: readonly Fields[]): Fields[] {
  return IMPLICIT_TAINTS.filter(
    (key) =>
      !tolerations.some(
        ({ key: tolerated, effect }) =>
          (tolerated === key || textOf(tolerated) === '') && (effect === 'NoExecute' || textOf(effect) === ''),
      ),
  ).map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: EVICTION_DELAY_SECONDS }));
}

/** `serviceAccount` is the old name of the field; the server keeps both alike. */
function serviceAccountNames(spec: Fields): Fields {
  const name = textOf(spec.serviceAccountName) || textOf(spec.serviceAccount);
  return name === '' ? {} : { serviceAccountName: name, serviceAccount: name };
}

function defaultContainer(container: Fields): Fields {
  const image = textOf(container.image);
  return {
    ...container,
    ...listIfAny(
      'ports',
      itemsOf(container.ports).map((port) => ({ ...port, protocol: port.protocol ?? 'TCP' })),
    ),
    ...listIfAny('env', itemsOf(container.env).map(defaultVariable)),
    resources: defaultResources(fieldsOf(container.resources)),
    ...probes(container),
    terminationMessagePath: container.terminationMessagePath ?? '/dev/termination-log',
    terminationMessagePolicy: container.terminationMessagePolicy ?? 'File',
    imagePullPolicy: container.imagePullPolicy ?? (isLatest(image) ? 'Always' : 'IfNotPresent'),
  };
}

function defaultVariable(variable: Fields): Fields {
  const source = fieldsOf(variable.valueFrom);
  if (!isFields(source.fieldRef)) return variable;
  return { ...variable, valueFrom: { ...source, fieldRef: { apiVersion: 'v1', ...source.fieldRef } } };
}

/** A limit without a request is also the request. */
function defaultResources(resources: Fields): Fields {
  if (!isFields(resources.limits)) return resources;
  return { ...resources, requests: { ...resources.limits, ...fieldsOf(resources.requests) } };
}

function probes(container: Fields): Fields {
  const result: Record<string, unknown> = {};
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const probe = container[name];
    if (!isFields(probe)) continue;
    result[name] = {
      ...probe,
      ...(isFields(probe.httpGet) ? { httpGet: { path: '/', scheme: 'HTTP', ...probe.httpGet } } : {}),
      timeoutSeconds: probe.timeoutSeconds ?? 1,
      periodSeconds: probe.periodSeconds ?? 10,
      successThreshold: probe.successThreshold ?? 1,
      failureThreshold: probe.failureThreshold ?? 3,
    };
  }
  return result;
}

/** No tag and no digest means `latest`. */
function isLatest(image: string): boolean {
  if (image.includes('@')) return false;
  const lastPart = image.slice(image.lastIndexOf('/') + 1);
  return !lastPart.includes(':') || lastPart.endsWith(':latest');
}

function defaultVolume(volume: Fields): Fields {
  const { name: _name, ...source } = volume;
  if (Object.keys(source).length === 0) return { ...volume, emptyDir: {} };
  if (isFields(volume.hostPath)) return { ...volume, hostPath: { type: '', ...volume.hostPath } };
  for (const kind of ['secret', 'configMap', 'downwardAPI', 'projected']) {
    const content = volume[kind];
    if (!isFields(content)) continue;
    const items = itemsOf(content.items).map((item) =>
      isFields(item.fieldRef) ? { ...item, fieldRef: { apiVersion: 'v1', ...item.fieldRef } } : item,
    );
    return {
      ...volume,
      [kind]: {
        ...content,
        ...listIfAny('items', items),
        ...listIfAny('sources', itemsOf(content.sources).map(defaultSource)),
        defaultMode: content.defaultMode ?? DEFAULT_MODE,
      },
    };
  }
  return volume;
}

function defaultSource(source: Fields): Fields {
  const token = source.serviceAccountToken;
  if (isFields(token)) return { ...source, serviceAccountToken: { expirationSeconds: 3600, ...token } };
  const downward = source.downwardAPI;
  if (!isFields(downward)) return source;
  const items = itemsOf(downward.items).map((item) =>
    isFields(item.fieldRef) ? { ...item, fieldRef: { apiVersion: 'v1', ...item.fieldRef } } : item,
  );
  return { ...source, downwardAPI: { ...downward, items } };
}

function listIfAny(field: string, items: readonly Fields[]): Fields {
  return items.length === 0 ? {} : { [field]: items };
}
