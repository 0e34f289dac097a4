import { type ApiResource, apiVersionOf, type KubeObject } from '@hawser/protocol';
import type { JoinedList, ListResult } from '../registry/list.ts';
import { fromStored, storageIdOf } from '../registry/views.ts';
import { badRequest, notAcceptable } from '../status.ts';
import type { Held } from '../storage.ts';
import { tableOf, tableRow } from './table/table.ts';
import { type IncludeObject, partial, type View } from './view.ts';

/** @throws ApiError 400 */
export function parseIncludeObject(value: string | null): IncludeObject {
  if (value === null || value === '' || value === 'Metadata') return 'Metadata';
  if (value === 'None' || value === 'Object') return value;
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(value.slice(0, 100))}`);
}

/** One object as asked for. Status objects are always shown as they are. @throws ApiError 406 */
export function presentObject(resource: ApiResource, object: KubeObject, view: View): KubeObject {
  if (object.kind === 'Status' && object.apiVersion === 'v1') return object;
  switch (view.presentation) {
    case 'plain':
      return object;
    case 'Table':
      return tableOf(resource, { resourceVersion: object.metadata.resourceVersion ?? '' }, [object], view);
    case 'PartialObjectMetadata':
      return partial(object);
    case 'PartialObjectMetadataList':
      throw notAcceptable(
        `you requested PartialObjectMetadataList, but the requested object is not a list (*${goType(resource)}.${resource.kind})`,
      );
  }
}

/** @throws ApiError 406 */
export function presentList(resource: ApiResource, list: ListResult, view: View): KubeObject {
  const { items, ...metadata } = list;
  switch (view.presentation) {
    case 'plain':
      return {
        kind: `${resource.kind}List`,
        apiVersion: apiVersionOf(resource),
        metadata: { ...metadata },
        items: items.map(({ kind, apiVersion, ...item }) => item),
      };
    case 'Table':
      return tableOf(resource, { ...metadata }, items, view);
    case 'PartialObjectMetadata':
    case 'PartialObjectMetadataList':
      if (view.presentation === 'PartialObjectMetadata') {
        throw notAcceptable(
          `you requested PartialObjectMetadata, but the requested object is a list (*${goType(resource)}.${resource.kind}List)`,
        );
      }
      return {
        kind: 'PartialObjectMetadataList',
        apiVersion: 'meta.k8s.io/v1',
        metadata: { ...metadata },
        items: items.map(partial),
      };
  }
}

/** A plain list as JSON in parts, of texts as they lie there where they may be shown so. */
export function listParts(resource: ApiResource, list: ListResult<Held> | JoinedList): readonly Uint8Array[] {
  const { metadata, items } = 'joined' in list ? joinedParts(list) : heldParts(resource, list);
  const kind = `${resource.kind}List`;
  const head = JSON.stringify({ kind, apiVersion: apiVersionOf(resource), metadata, items: [] }).slice(0, -2);
  return [Buffer.from(head), items, Buffer.from(']}\n')];
}

function joinedParts({ joined, ...metadata }: JoinedList) {
  return { metadata, items: joined };
}

function heldParts(resource: ApiResource, { items, ...metadata }: ListResult<Held>) {
  const type = `{"kind":"${resource.kind}","apiVersion":"${apiVersionOf(resource)}",`;
  const isStored = storageIdOf(resource) === resource.id;
  const texts = items.map((item) =>
    isStored && item.json?.startsWith(type) === true
      ? `{${item.json.slice(type.length)}`
      : itemText(fromStored(resource, item.object)),
  );
  return { metadata, items: Buffer.from(texts.join(',')) };
}

function itemText({ kind, apiVersion, ...item }: KubeObject): string {
  return JSON.stringify(item);
}

/** The object of a watch event. Only the first Table of a watch describes its columns. */
export function presentEvent(resource: ApiResource, object: KubeObject, view: View, first: boolean): KubeObject {
  if (object.kind === 'Status' && object.apiVersion === 'v1') return object;
  if (view.presentation === 'plain') return object;
  if (view.presentation !== 'Table') return partial(object);
  const metadata = { resourceVersion: object.metadata.resourceVersion ?? '' };
  if (first) return tableOf(resource, metadata, [object], view);
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: null,
    rows: [tableRow(resource, object, view)],
  };
}

function goType(resource: ApiResource): string {
  return resource.group === '' ? 'core' : (resource.group.split('.')[0] ?? '');
}
