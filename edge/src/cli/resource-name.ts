import { API_RESOURCES, type ApiResource } from '@hawser/protocol';
import { CommandFailure, EXIT } from './exit.ts';

/**
 * The resource that a person means: by plural, singular or short name, with its group or with version and group, as kubectl takes them
 * (`pv`, `persistentvolume`, `volumeattachments.storage.k8s.io`, `leases.v1.coordination.k8s.io`).
 * @throws CommandFailure for one that is not known
 */
export function resourceNamed(text: string): ApiResource {
  const asked = text.toLowerCase();
  const found = API_RESOURCES.find((resource) => namesOf(resource).includes(asked));
  if (found !== undefined) return found;
  throw new CommandFailure(
    EXIT.usage,
    `unknown resource ${JSON.stringify(text)}: try pods, configmaps, secrets, services or nodes`,
  );
}

function namesOf({ resource, singular, shortNames, group, version }: ApiResource): string[] {
  const names = [resource, singular, ...shortNames];
  // The group of the core group is empty.
  const suffixes = group === '' ? ['', `.${version}.`] : ['', `.${group}`, `.${version}.${group}`];
  return names.flatMap((name) => suffixes.map((suffix) => name + suffix));
}
