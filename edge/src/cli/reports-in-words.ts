import type { StorageKey } from '../api/storage.ts';
import type { WriteVerb } from '../store/index.ts';

const WORDS: Readonly<Record<WriteVerb, string>> = {
  create: 'create',
  patch: 'change',
  mark: 'begin of removal',
  delete: 'removal',
};

/** What a report does: `change of status`. A row that is damaged and not mended yet may say anything. */
export function inWords({ verb, subresource }: { readonly verb: WriteVerb; readonly subresource: string }): string {
  const word = Object.hasOwn(WORDS, verb) ? WORDS[verb] : '?';
  return subresource === '' ? word : `${word} of ${subresource.replaceAll(/[\s\p{Cc}]+/gu, ' ')}`;
}

/** The object that it is about: `pods/shop/web`, `nodes/edge-1`. */
export function nameOf({ resource, namespace, name }: StorageKey): string {
  return [resource, ...(namespace === '' ? [] : [namespace]), name].join('/');
}
