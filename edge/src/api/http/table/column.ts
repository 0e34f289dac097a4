import type { KubeObject } from '@hawser/protocol';

/** A value that a Table cell can hold. */
export type Cell = string | number | boolean;

export interface Column {
  readonly name: string;
  /** Default string. */
  readonly type?: string;
  /** Shown only when asked for everything (`-o wide`). */
  readonly wide?: boolean;
  readonly cell: (object: KubeObject, now: Date) => Cell;
}
