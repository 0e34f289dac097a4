import type { KubeObject } from '@hawser/protocol';
import type { Presentation } from './negotiate.ts';

/** Which object a Table row carries beside its cells. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface View {
  readonly presentation: Presentation;
  readonly includeObject: IncludeObject;
  readonly now: Date;
}

/** What a Table row or a client of metadata gets of an object. */
export function partial(object: KubeObject): KubeObject {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}
