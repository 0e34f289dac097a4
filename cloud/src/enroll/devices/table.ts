import { compareResourceVersions } from '@hawser/protocol';
import { type DeviceEntry, recordName, type StoredRecord } from './record.ts';

type Row = Pick<StoredRecord, 'entry' | 'resourceVersion'>;

/**
 * - enrolled: has one key
 * - renewing: has another one that no link was opened with yet
 * - revoked: is kept out, whether its device was recorded or not
 * - unreadable: somebody has to look at the record
 */
export type DeviceState = 'enrolled' | 'renewing' | 'revoked' | 'unreadable';

/** The records of all devices as last seen: by a watch, and by our own writes, which are earlier. Some 0.5 KB for each. */
export class DeviceTable {
  /** By the name of the ConfigMap: what makes a record unreadable may be its node. */
  readonly #rows = new Map<string, Row>();

  entry(nodeName: string): DeviceEntry | undefined {
    return this.#rows.get(recordName(nodeName))?.entry;
  }

  /** An older version than the known one changes nothing. @returns the node that it is about, where it may be told, and whether it was news */
  put({ name, resourceVersion, entry }: Pick<StoredRecord, 'name' | 'resourceVersion' | 'entry'>): {
    readonly isNews: boolean;
    readonly nodeName: string | undefined;
  } {
    const before = this.#rows.get(name);
    const known = before?.resourceVersion;
    if (known !== undefined && compareResourceVersions(resourceVersion, known) <= 0)
      return { isNews: false, nodeName: undefined };
    this.#rows.set(name, { entry, resourceVersion });
    return {
      isNews: true,
      nodeName: nodeOf(entry) ?? (before === undefined ? undefined : nodeOf(before.entry)) ?? plainNode(name),
    };
  }

  /** @param resourceVersion of the delete */
  gone(name: string, resourceVersion: string): void {
    const known = this.#rows.get(name)?.resourceVersion;
    if (known === undefined || compareResourceVersions(resourceVersion, known) > 0) this.#rows.delete(name);
  }

  /** The API server was restored: what was seen before says nothing any more. */
  clear(): void {
    this.#rows.clear();
  }

  counts(): ReadonlyMap<DeviceState, number> {
    const counts = new Map<DeviceState, number>([
      ['enrolled', 0],
      ['renewing', 0],
      ['revoked', 0],
      ['unreadable', 0],
    ]);
    for (const { entry } of this.#rows.values()) counts.set(stateOf(entry), (counts.get(stateOf(entry)) ?? 0) + 1);
    return counts;
  }
}

export function stateOf(entry: DeviceEntry): DeviceState {
  if (entry.type === 'unreadable') return 'unreadable';
  if (entry.type === 'revocation' || entry.record.revoked !== undefined) return 'revoked';
  return entry.record.nextKey === undefined ? 'enrolled' : 'renewing';
}

/** Undefined for what cannot be read. */
export function nodeOf(entry: DeviceEntry): string | undefined {
  if (entry.type === 'unreadable') return undefined;
  return entry.type === 'device' ? entry.record.nodeName : entry.nodeName;
}

/** Most names are just those of the node. */
function plainNode(name: string): string | undefined {
  const nodeName = name.replace(/^device-/, '');
  return recordName(nodeName) === name ? nodeName : undefined;
}
