import type { KubeObject } from '@hawser/protocol';
import { type Fields, fieldsOf, itemsOf, textMapOf, textOf } from '../../apiserver/policy/fields.ts';
import type { Objects } from '../objects.ts';
import { needOf, sourcesOf, type TokenNeed, tokenNeed, volumesOf } from './pod-spec.ts';

/** What a container would find: `VOLUME/PATH` → bytes. */
export type Files = ReadonlyMap<string, Buffer>;

export type Mounting =
  | { readonly type: 'complete'; readonly files: Files }
  /** Not to be had now, in words: a ConfigMap or key that is not there, a token that nobody gave. */
  | { readonly type: 'incomplete'; readonly lacks: readonly string[] };

/** @param tokenOf the token that is had for that need; undefined: none */
export function volumeFiles(
  pod: KubeObject,
  objects: Pick<Objects, 'get'>,
  tokenOf: (need: TokenNeed) => string | undefined,
): Mounting {
  const files = new Map<string, Buffer>();
  const lacks: string[] = [];
  for (const volume of volumesOf(pod)) {
    for (const source of sourcesOf(volume)) {
      const given = sourceFiles(source, pod, objects, tokenOf);
      if (typeof given === 'string') lacks.push(given);
      else for (const [path, bytes] of given) files.set(`${textOf(volume.name)}/${path}`, bytes);
    }
  }
  return lacks.length > 0 ? { type: 'incomplete', lacks } : { type: 'complete', files };
}

function sourceFiles(
  source: Fields,
  pod: KubeObject,
  objects: Pick<Objects, 'get'>,
  tokenOf: (need: TokenNeed) => string | undefined,
): [string, Buffer][] | string {
  const token = tokenNeed(source, pod);
  if (token !== undefined) {
    const value = tokenOf(token);
    const path = textOf(fieldsOf(source.serviceAccountToken).path);
    return value === undefined ? `token of ${token.serviceAccount}` : [[path, Buffer.from(value)]];
  }
  const need = needOf(source, pod.metadata.namespace ?? '');
  if (need === undefined) return downwardFiles(source, pod);
  const object = objects.get(need);
  const what = `${need.resource}/${need.name}`;
  if (object === undefined) return `${what} (not known yet)`;
  if (object === null) return need.optional ? [] : what;
  return keyFiles(dataOf(object), fieldsOf(source.configMap ?? source.secret), what);
}

function dataOf(object: KubeObject): Map<string, Buffer> {
  const isSecret = object.kind === 'Secret';
  const texts = Object.entries(textMapOf(object.data)).map(([key, text]) => [
    key,
    Buffer.from(text, isSecret ? 'base64' : 'utf8'),
  ]);
  const bytes = Object.entries(textMapOf(object.binaryData)).map(([key, text]) => [key, Buffer.from(text, 'base64')]);
  return new Map([...texts, ...bytes] as [string, Buffer][]);
}

/** All keys under their names, or those that `items` names under its paths. */
function keyFiles(data: Map<string, Buffer>, source: Fields, what: string): [string, Buffer][] | string {
  if (source.items === undefined) return [...data];
  const files: [string, Buffer][] = [];
  for (const { key, path } of itemsOf(source.items)) {
    const bytes = data.get(textOf(key));
    if (bytes !== undefined) files.push([textOf(path), bytes]);
    else if (source.optional !== true) return `key ${textOf(key)} of ${what}`;
  }
  return files;
}

/** Of the downward API what a token volume has, and names. */
function downwardFiles(source: Fields, { metadata }: KubeObject): [string, Buffer][] {
  const known: Readonly<Record<string, string | undefined>> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
    'metadata.uid': metadata.uid,
  };
  return itemsOf(fieldsOf(source.downwardAPI).items).map(({ path, fieldRef }) => [
    textOf(path),
    Buffer.from(known[textOf(fieldsOf(fieldRef).fieldPath)] ?? ''),
  ]);
}
