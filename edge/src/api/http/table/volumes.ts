import type { KubeObject } from '@hawser/protocol';
import { type Fields, fields, items, spec, status, text } from './cells.ts';
import type { Column } from './column.ts';

/** As kubectl shortens them. */
const ACCESS_MODES: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

const UNSET = '<unset>';

/** The columns of the kinds that have to do with volumes, by resource. */
export function volumeColumns(name: Column, age: Column): readonly (readonly [string, readonly Column[]])[] {
  const volumeMode: Column = { name: 'VolumeMode', wide: true, cell: (object) => text(spec(object).volumeMode) || UNSET };
  return [
    [
      'persistentvolumes',
      [
        name,
        { name: 'Capacity', cell: (volume) => storage(spec(volume).capacity) },
        { name: 'Access Modes', cell: (volume) => accessModes(spec(volume).accessModes) },
        { name: 'Reclaim Policy', cell: (volume) => text(spec(volume).persistentVolumeReclaimPolicy) },
        { name: 'Status', cell: phase },
        { name: 'Claim', cell: (volume) => claim(fields(spec(volume).claimRef)) },
        { name: 'StorageClass', cell: (volume) => text(spec(volume).storageClassName) },
        { name: 'VolumeAttributesClass', cell: (volume) => text(spec(volume).volumeAttributesClassName) || UNSET },
        { name: 'Reason', cell: (volume) => text(status(volume).reason) },
        age,
        volumeMode,
      ],
    ],
    [
      'persistentvolumeclaims',
      [
        name,
        { name: 'Status', cell: phase },
        { name: 'Volume', cell: (object) => text(spec(object).volumeName) },
        { name: 'Capacity', cell: (object) => (isBound(object) ? storage(status(object).capacity) : '') },
        { name: 'Access Modes', cell: (object) => (isBound(object) ? accessModes(status(object).accessModes) : '') },
        { name: 'StorageClass', cell: (object) => text(spec(object).storageClassName) },
        { name: 'VolumeAttributesClass', cell: (object) => text(spec(object).volumeAttributesClassName) || UNSET },
        age,
        volumeMode,
      ],
    ],
    [
      'storage.k8s.io/volumeattachments',
      [
        name,
        { name: 'Attacher', cell: (attachment) => text(spec(attachment).attacher) },
        { name: 'PV', cell: (attachment) => text(fields(spec(attachment).source).persistentVolumeName) },
        { name: 'Node', cell: (attachment) => text(spec(attachment).nodeName) },
        { name: 'Attached', cell: (attachment) => String(status(attachment).attached === true) },
        age,
      ],
    ],
    [
      'storage.k8s.io/csidrivers',
      [
        name,
        // What the API server fills in where it is not given.
        { name: 'AttachRequired', cell: (driver) => String(spec(driver).attachRequired !== false) },
        { name: 'PodInfoOnMount', cell: (driver) => String(spec(driver).podInfoOnMount === true) },
        { name: 'StorageCapacity', cell: (driver) => String(spec(driver).storageCapacity === true) },
        { name: 'TokenRequests', cell: (driver) => tokenRequests(spec(driver)) },
        { name: 'RequiresRepublish', cell: (driver) => String(spec(driver).requiresRepublish === true) },
        { name: 'Modes', cell: (driver) => list(spec(driver).volumeLifecycleModes) || 'Persistent' },
        age,
      ],
    ],
  ];
}

function phase(object: KubeObject): string {
  return object.metadata.deletionTimestamp === undefined ? text(status(object).phase) : 'Terminating';
}

function isBound(object: KubeObject): boolean {
  return text(spec(object).volumeName) !== '';
}

function storage(resources: unknown): string {
  return text(fields(resources).storage);
}

function accessModes(modes: unknown): string {
  return list(modes, (mode) => ACCESS_MODES[mode] ?? mode);
}

function claim({ namespace, name }: Fields): string {
  return text(name) === '' ? '' : `${text(namespace)}/${text(name)}`;
}

function tokenRequests(driver: Fields): string {
  const audiences = items(driver.tokenRequests).map(({ audience }) => text(audience));
  return audiences.length === 0 ? UNSET : audiences.join(',');
}

function list(values: unknown, as: (value: string) => string = (value) => value): string {
  return Array.isArray(values) ? values.map((value) => as(text(value))).join(',') : '';
}
