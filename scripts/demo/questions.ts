import type { KubeObject } from '@hawser/protocol';
import type { FleetAgent } from '../../test/support/fleet.ts';
import { until } from '../../test/support/until.ts';

/** A volume as a controller manager would have bound and attached it; nothing is mounted, as nothing is run. */
export function volumeFor(node: string, name: string): KubeObject[] {
  const storage = '1Gi';
  const accessModes = ['ReadWriteOnce'];
  const claimRef = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: 'default', name };
  // An empty class is none, so that no provisioner of a cluster of the user's feels called.
  const bound = { accessModes, storageClassName: '' };
  return [
    {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name },
      spec: {
        ...bound,
        capacity: { storage },
        claimRef,
        persistentVolumeReclaimPolicy: 'Retain',
        hostPath: { path: `/${name}` },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name, namespace: 'default' },
      spec: { ...bound, volumeName: name, resources: { requests: { storage } } },
    },
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'VolumeAttachment',
      metadata: { name },
      spec: { attacher: 'demo.hawser.dev', nodeName: node, source: { persistentVolumeName: name } },
    },
  ];
}

export const QUESTIONS = ['configmap', 'persistentvolume', 'persistentvolumeclaim', 'volumeattachment'] as const;

const SYNC_MS = 60_000;

/** Until what the pod needs has come to the device by itself. */
export async function volumeAtDevice(agent: FleetAgent, name: string, signal: AbortSignal): Promise<void> {
  const places = [
    ['persistentvolumes', ''],
    ['persistentvolumeclaims', 'default'],
    ['storage.k8s.io/volumeattachments', ''],
  ] as const;
  for (const [resource, namespace] of places) {
    await until(
      `${resource} at ${agent.name}`,
      SYNC_MS,
      signal,
      async () => (await agent.local.get(resource, namespace, name)) !== undefined,
    );
  }
}

/**
 * Asks by `hawser-agent query` for the four, and says what came of it.
 * @param live the API server's own word, while there is a link
 * @returns how many were answered with the object
 */
export async function askFor(agent: FleetAgent, name: string, live: boolean, say: (line: string) => void): Promise<number> {
  const answers = await Promise.all(
    QUESTIONS.map(async (kind) => ({
      kind,
      ...(await agent.command('query', kind, name, '-o', 'name', ...(live ? ['--live'] : []))),
    })),
  );
  for (const { kind, stderr } of answers) say(`${agent.name} asks for ${kind} ${name}: ${stderr.trim()}`);
  return answers.filter(({ code, stdout }) => code === 0 && stdout.trim().endsWith(`/${name}`)).length;
}
