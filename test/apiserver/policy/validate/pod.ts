import type { FieldError } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { type Fields, fieldsOf, itemsOf, numberOf, sameJson, textOf } from '../fields.ts';
import { duplicate, forbiddenField, invalidValue, notFoundValue, notSupported, required } from './field-errors.ts';

const RESTART_POLICIES = ['Always', 'OnFailure', 'Never'];
const HIGHEST_PORT = 65_535;
const DNS_LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const DNS_LABEL_LENGTH = 63;
const DNS_LABEL_RULE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an " +
  `alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${DNS_LABEL}')`;

export function validatePod(pod: KubeObject): FieldError[] {
  return validatePodSpec('spec', fieldsOf(pod.spec));
}

/** `path` is `spec` for a pod and `spec.template.spec` for a workload. */
export function validatePodSpec(path: string, spec: Fields): FieldError[] {
  const containers = itemsOf(spec.containers);
  const volumes = new Set(itemsOf(spec.volumes).map((volume) => textOf(volume.name)));
  const restartPolicy = textOf(spec.restartPolicy);
  return [
    ...(containers.length === 0 ? [required(`${path}.containers`)] : []),
    ...containers.flatMap((container, index) => containerErrors(`${path}.containers[${index}]`, container, volumes)),
    ...duplicateNames(`${path}.containers`, containers),
    ...itemsOf(spec.initContainers).flatMap((container, index) =>
      containerErrors(`${path}.initContainers[${index}]`, container, volumes),
    ),
    ...(RESTART_POLICIES.includes(restartPolicy) ? [] : [notSupported(`${path}.restartPolicy`, restartPolicy, RESTART_POLICIES)]),
  ];
}

const FIXED_SPEC =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,' +
  '`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),' +
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** The spec of a pod is fixed but for images, the deadline, further tolerations, and the seconds of those that it has. */
export function validatePodUpdate(pod: KubeObject, previous: KubeObject): FieldError[] {
  const spec = fieldsOf(pod.spec);
  const before = fieldsOf(previous.spec);
  const keepsTolerations = itemsOf(before.tolerations).every((toleration) =>
    itemsOf(spec.tolerations).some((kept) => sameJson(withoutSeconds(kept), withoutSeconds(toleration))),
  );
  const isUnchanged = keepsTolerations && sameJson(withoutChangeable(spec), withoutChangeable(before));
  return isUnchanged ? [] : [forbiddenField('spec', FIXED_SPEC)];
}

function withoutSeconds({ tolerationSeconds: _seconds, ...toleration }: Fields): Fields {
  return toleration;
}

function withoutChangeable(spec: Fields): Fields {
  const withoutImages = (containers: unknown) => itemsOf(containers).map(({ image: _image, ...rest }) => rest);
  const { activeDeadlineSeconds: _deadline, tolerations: _tolerations, ...rest } = spec;
  return {
    ...rest,
    containers: withoutImages(spec.containers),
    initContainers: withoutImages(spec.initContainers),
  };
}

function containerErrors(path: string, container: Fields, volumes: ReadonlySet<string>): FieldError[] {
  const name = textOf(container.name);
  return [
    ...(name === '' ? [required(`${path}.name`)] : nameErrors(name).map((why) => invalidValue(`${path}.name`, name, why))),
    ...(textOf(container.image) === '' ? [required(`${path}.image`)] : []),
    ...itemsOf(container.ports).flatMap((port, index) => portErrors(`${path}.ports[${index}]`, port)),
    ...itemsOf(container.volumeMounts).flatMap((mount, index) => mountErrors(`${path}.volumeMounts[${index}]`, mount, volumes)),
  ];
}

function portErrors(path: string, port: Fields): FieldError[] {
  const number = numberOf(port.containerPort) ?? 0;
  if (number === 0) return [required(`${path}.containerPort`)];
  if (number > 0 && number <= HIGHEST_PORT) return [];
  return [invalidValue(`${path}.containerPort`, number, `must be between 1 and ${HIGHEST_PORT}, inclusive`)];
}

function mountErrors(path: string, mount: Fields, volumes: ReadonlySet<string>): FieldError[] {
  const name = textOf(mount.name);
  return [
    ...(name === '' ? [required(`${path}.name`)] : volumes.has(name) ? [] : [notFoundValue(`${path}.name`, name)]),
    ...(textOf(mount.mountPath) === '' ? [required(`${path}.mountPath`)] : []),
  ];
}

function duplicateNames(path: string, containers: readonly Fields[]): FieldError[] {
  const seen = new Set<string>();
  return containers.flatMap((container, index) => {
    const name = textOf(container.name);
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    return [duplicate(`${path}[${index}].name`, name)];
  });
}

/** What is wrong with the name of a container (a DNS label, RFC 1123). */
function nameErrors(name: string): string[] {
  if (name.length > DNS_LABEL_LENGTH) return [`must be no more than ${DNS_LABEL_LENGTH} characters`];
  return new RegExp(`^${DNS_LABEL}$`).test(name) ? [] : [DNS_LABEL_RULE];
}
