import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { API_RESOURCES, type KubeObject, resourceById } from '@hawser/protocol';
import fc from 'fast-check';
import { columnsOf } from './columns.ts';
import { humanDuration } from './duration.ts';
import { podStatus } from './pod.ts';

const NOW = new Date('2026-11-23T12:00:00Z');

function cells(id: string, object: Partial<KubeObject>): unknown[] {
  const resource = resourceById(id);
  assert.ok(resource);
  const whole: KubeObject = {
    apiVersion: 'v1',
    kind: resource.kind,
    ...object,
    metadata: { name: 'x', creationTimestamp: '2026-11-23T11:57:45Z', ...object.metadata },
  };
  return columnsOf(resource).map((column) => column.cell(whole, NOW));
}

const pod = (status: object, more: Partial<KubeObject> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {},
  spec: { containers: [{ name: 'a' }] },
  ...more,
  status,
});

describe('the cells of a Table', () => {
  it('of volumes and what belongs to them are those of kubectl', () => {
    const claimRef = { namespace: 'shop', name: 'data' };
    const spec = {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce', 'ReadOnlyMany'],
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: 'fast',
      volumeMode: 'Filesystem',
    };
    assert.deepEqual(cells('persistentvolumes', { spec: { ...spec, claimRef }, status: { phase: 'Bound' } }), [
      ...['x', '1Gi', 'RWO,ROX', 'Retain', 'Bound', 'shop/data', 'fast', '<unset>', '', '2m15s', 'Filesystem'],
    ]);
    const status = { phase: 'Bound', capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOncePod'] };
    assert.deepEqual(cells('persistentvolumeclaims', { spec: { volumeName: 'disk', storageClassName: 'fast' }, status }), [
      'x',
      'Bound',
      'disk',
      '1Gi',
      'RWOP',
      'fast',
      '<unset>',
      '2m15s',
      '<unset>',
    ]);
    assert.deepEqual(cells('persistentvolumeclaims', { spec: {}, status: { phase: 'Pending' } }).slice(0, 5), [
      ...['x', 'Pending', '', '', ''],
    ]);
    const attachment = { attacher: 'csi.example', nodeName: 'edge-1', source: { persistentVolumeName: 'disk' } };
    assert.deepEqual(cells('storage.k8s.io/volumeattachments', { spec: attachment, status: { attached: true } }), [
      ...['x', 'csi.example', 'disk', 'edge-1', 'true', '2m15s'],
    ]);
    assert.deepEqual(cells('storage.k8s.io/csidrivers', { spec: { tokenRequests: [{ audience: 'vault' }] } }), [
      ...['x', 'true', 'false', 'false', 'vault', 'false', 'Persistent', '2m15s'],
    ]);
  });

  it('of Endpoints are the first addresses with their ports, of a RuntimeClass its handler', () => {
    const addresses = ['10.0.0.1', '10.0.0.2'].map((ip) => ({ ip }));
    const subsets = [{ addresses, ports: [{ port: 80 }, { port: 443 }] }];
    assert.deepEqual(cells('endpoints', { subsets }), ['x', '10.0.0.1:80,10.0.0.2:80,10.0.0.1:443 + 1 more...', '2m15s']);
    assert.deepEqual(cells('endpoints', {}), ['x', '<none>', '2m15s']);
    assert.deepEqual(cells('node.k8s.io/runtimeclasses', { handler: 'runsc' }), ['x', 'runsc', '2m15s']);
  });

  it('of a pod are its readiness, state, restarts and place', () => {
    const status = {
      phase: 'Running',
      podIPs: [{ ip: '10.0.0.7' }],
      containerStatuses: [
        {
          ready: true,
          restartCount: 2,
          state: { running: {} },
          lastState: { terminated: { finishedAt: '2026-11-23T11:50:00Z' } },
        },
      ],
    };
    assert.deepEqual(cells('pods', { spec: { nodeName: 'edge-1', containers: [{}, {}] }, status }), [
      'x',
      '1/2',
      'Running',
      '2 (10m ago)',
      '2m15s',
      '10.0.0.7',
      'edge-1',
      '<none>',
      '<none>',
    ]);
  });

  it('of a node are its conditions, roles and addresses', () => {
    const node = {
      metadata: { labels: { 'node-role.kubernetes.io/edge': '' } },
      spec: { unschedulable: true },
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        addresses: [{ type: 'InternalIP', address: '10.77.0.11' }],
        nodeInfo: {
          kubeletVersion: 'v1.36.2',
          osImage: 'test',
          kernelVersion: '6.1.0',
          architecture: 'amd64',
          containerRuntimeVersion: 'c://1',
        },
      },
    };
    assert.deepEqual(cells('nodes', node), [
      'x',
      'Ready,SchedulingDisabled',
      'edge',
      '2m15s',
      'v1.36.2',
      '10.77.0.11',
      '<none>',
      'test',
      '6.1.0 (amd64)',
      'c://1',
    ]);
  });

  it('of a kind without columns of its own are name and age', () => {
    assert.deepEqual(cells('storage.k8s.io/csinodes', {}), ['x', '2m15s']);
  });

  it('can be made of any object, however wrong', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...API_RESOURCES),
        fc.dictionary(fc.constantFrom('spec', 'status', 'data', 'involvedObject', 'ports'), fc.jsonValue()),
        (resource, object) => {
          for (const cell of cells(resource.id, object)) assert.ok(['string', 'number', 'boolean'].includes(typeof cell));
        },
      ),
    );
  });
});

describe('the state of a pod', () => {
  it('is the phase, or the reason that says more', () => {
    const waiting = (reason: string) => ({ phase: 'Pending', containerStatuses: [{ state: { waiting: { reason } } }] });
    assert.equal(podStatus(pod({ phase: 'Pending' })), 'Pending');
    assert.equal(podStatus(pod({ phase: 'Failed', reason: 'Evicted' })), 'Evicted');
    assert.equal(podStatus(pod(waiting('CreateContainerConfigError'))), 'CreateContainerConfigError');
    assert.equal(
      podStatus(pod({ phase: 'Succeeded', containerStatuses: [{ state: { terminated: { reason: 'Completed' } } }] })),
      'Completed',
    );
    assert.equal(
      podStatus(pod({ phase: 'Failed', containerStatuses: [{ state: { terminated: { exitCode: 3 } } }] })),
      'ExitCode:3',
    );
    assert.equal(
      podStatus(pod({ phase: 'Running' }, { metadata: { deletionTimestamp: '2026-11-23T12:00:00Z' } })),
      'Terminating',
    );
  });

  it('counts init containers while they run', () => {
    const spec = { initContainers: [{ name: 'i' }, { name: 'j' }], containers: [{ name: 'a' }] };
    const status = {
      phase: 'Pending',
      initContainerStatuses: [
        { name: 'i', state: { terminated: { exitCode: 0 } } },
        { name: 'j', state: { running: {} } },
      ],
    };
    assert.equal(podStatus(pod(status, { spec })), 'Init:1/2');
  });
});

describe('a duration', () => {
  it('has two units where the first is small', () => {
    for (const [seconds, shown] of [
      [-5, '<invalid>'],
      [0, '0s'],
      [119, '119s'],
      [135, '2m15s'],
      [600, '10m'],
      [3 * 3600 - 1, '179m'],
      [5 * 3600 + 720, '5h12m'],
      [30 * 3600, '30h'],
      [3 * 86_400 + 4 * 3600, '3d4h'],
      [40 * 86_400, '40d'],
      [(2 * 365 + 10) * 86_400, '2y10d'],
      [9 * 365 * 86_400, '9y'],
    ] as const) {
      assert.equal(humanDuration(seconds * 1000), shown);
    }
  });
});
