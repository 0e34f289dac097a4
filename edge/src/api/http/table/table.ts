import type { ApiResource, KubeObject, ObjectMeta } from '@hawser/protocol';
import { partial, type View } from '../view.ts';
import { columnsOf } from './columns.ts';

/** meta.k8s.io/v1 Table of those objects. */
export function tableOf(resource: ApiResource, metadata: ObjectMeta, objects: readonly KubeObject[], view: View): KubeObject {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: columnsOf(resource).map((column) => ({
      name: column.name,
      type: column.type ?? 'string',
      format: column.name === 'Name' ? 'name' : '',
      description: '',
      priority: column.wide ? 1 : 0,
    })),
    rows: objects.map((object) => tableRow(resource, object, view)),
  };
}

export function tableRow(resource: ApiResource, object: KubeObject, view: View): object {
  const cells = columnsOf(resource).map((column) => column.cell(object, view.now));
  switch (view.includeObject) {
    case 'None':
      return { cells, object: null };
    case 'Metadata':
      return { cells, object: partial(object) };
    case 'Object':
      return { cells, object };
  }
}
