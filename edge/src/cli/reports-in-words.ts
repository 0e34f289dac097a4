import type { StorageKey } from '../api/storage.ts';
import type { WriteVerb } from '../store/index.ts';

const WORDS: Readonly<Record<WriteVerb, string>> = {
  create: 'create',
  patch: 'change',
  mark: 'begin of removal',
  delete: 'removal',
};

/** What a report does: `change of status`. */
export function inWords({ verb, subresource }: { readonly verb: WriteVerb; readonly subresource: string }): string {
  return subresource === '' ? WORDS[verb] : `${WORDS[verb]} of ${subresource}`;
}

/** The object that it is about: `pods/shop/web`, `nodes/edge-1`. */
export function nameOf({ resource, namespace, name }: StorageKey): string {
  return [resource, ...(namespace === '' ? [] : [namespace]), name].join('/');
}
