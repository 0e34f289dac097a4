import { isUtf8 } from 'node:buffer';
import { type ApiResource, apiVersionOf, HawserError, isResourceVersion, type ObjectKey, objectKey } from '@hawser/protocol';
import type { Observed } from '../merge/change.ts';
import { eachMember, type Span, stringAt } from './json/members.ts';

/** Names and namespaces have 253 bytes at most, uids 36; twice that, so that the key's own check refuses what is too long. */
const MAX_FIELD_BYTES = 512;

/** Which version of which object. */
export interface Head {
  readonly key: ObjectKey;
  readonly uid: string;
  readonly resourceVersion: string;
}

/**
 * What came of one object; unreadable: without uid or decimal resourceVersion, or with text that is no UTF-8.
 * Without a name it cannot even be said which object it is: that is an error.
 */
export type Observation =
  | { readonly type: 'observed'; readonly object: Observed }
  | { readonly type: 'unreadable'; readonly key: ObjectKey; readonly reason: string };

/** Whether the text of an object is wanted, or only which version of it there is. */
export type WantsText = (key: ObjectKey) => boolean;

/**
 * Reads one object's metadata out of its JSON bytes, and no further: a Secret of 1 MB that nobody wants costs nothing, and
 * one that is wanted its text.
 * @param whole the bytes of the object within `bytes`; they may be used again after the call
 * @throws HawserError `malformed_object` when it cannot be said which object this is
 */
export function observe(resource: ApiResource, bytes: Uint8Array, whole: Span, wantsText: WantsText): Observation {
  const head = readHead(resource, bytes, whole);
  if ('reason' in head) return { type: 'unreadable', ...head };
  const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  if (!wantsText(head.key)) return { type: 'observed', object: { ...head, text: undefined, type } };
  const text = bytes.subarray(whole.from, whole.to);
  if (!isUtf8(text)) return { type: 'unreadable', key: head.key, reason: 'is not UTF-8' };
  return { type: 'observed', object: { ...head, text: textOf(text), type } };
}

/** As `observe`, without the text. */
export function readHead(
  resource: ApiResource,
  bytes: Uint8Array,
  whole: Span,
): Head | { readonly key: ObjectKey; readonly reason: string } {
  const { name = '', namespace = '', uid, resourceVersion } = readMetadata(bytes, whole, resource.namespaced);
  if (name.includes('/') || namespace.includes('/'))
    throw new HawserError('malformed_object', 'a name or namespace holds a slash');
  const key = objectKey(resource.id, resource.namespaced ? namespace : '', name);
  if (resource.namespaced && namespace === '') throw new HawserError('malformed_object', `${key} has no namespace`);
  if (uid === undefined || uid === '') return { key, reason: 'has no metadata.uid' };
  if (!isResourceVersion(resourceVersion)) return { key, reason: 'has no decimal metadata.resourceVersion' };
  return { key, uid, resourceVersion };
}

interface Fields {
  name?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
}

function readMetadata(bytes: Uint8Array, whole: Span, isNamespaced: boolean): Fields {
  const fields: Fields = {};
  eachMember(bytes, whole, (key, value) => {
    if (key !== 'metadata') return true;
    eachMember(bytes, value, (name, field) => {
      if (name === 'name' || name === 'namespace' || name === 'uid' || name === 'resourceVersion') {
        const text = stringAt(bytes, field, MAX_FIELD_BYTES);
        if (text !== undefined) fields[name] = text;
      }
      // The API server writes these first; annotations and managed fields, which may be long, are then not even skipped over.
      return !(fields.name && fields.uid && fields.resourceVersion && (fields.namespace || !isNamespaced));
    });
    return false;
  });
  return fields;
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
