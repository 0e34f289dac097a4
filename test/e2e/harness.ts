import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { type Fleet, type FleetOptions, startFleet } from '../support/fleet.ts';
import type { KubeClient } from '../support/kube.ts';
import { planted } from '../support/planted.ts';
import { ROOT, runCommand } from '../support/processes.ts';
import { until } from '../support/until.ts';

/** By default a device that has long been without a relay waits for up to a minute, as long as tests wait for what comes after it. */
export const SOON_AGAIN = { '--backoff-cap-ms': '2000' };

/** A fleet for one test, whose devices dial again soon; when the test is over its processes have ended and its folder is gone. */
export async function fleetFor(t: TestContext, options: Omit<FleetOptions, 'dir'>): Promise<Fleet> {
  const dir = mkdtempSync(join(tmpdir(), 'hawser-e2e-'));
  const fleet = await startFleet({ ...options, agentFlags: { ...SOON_AGAIN, ...options.agentFlags }, dir }).catch(
    (error: unknown) => {
      rmSync(dir, { recursive: true, force: true });
      throw error;
    },
  );
  t.after(async () => {
    await fleet.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  return fleet;
}

/** The bundles of both commands: those that `npm test` has built, or else ones of the test's own. */
export async function commandsFor(t: TestContext): Promise<{ readonly relay: string; readonly agent: string }> {
  const built = process.env.HAWSER_TEST_COMMANDS;
  if (built === undefined) return bundlesFor(t);
  return { relay: join(built, 'hawser-relay.mjs'), agent: join(built, 'hawser-agent.mjs') };
}

/** The bundles as `npm run build` makes them, in a folder of the test's own. */
export async function bundlesFor(t: TestContext): Promise<{ relay: string; agent: string; dir: string }> {
  // Inside the project, since the native SQLite is found in its node_modules.
  mkdirSync(join(ROOT, 'dist'), { recursive: true });
  const dir = mkdtempSync(join(ROOT, 'dist', 'test-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const { code, stdout, stderr } = await runCommand({ name: 'build', args: ['scripts/build.ts', dir] });
  assert.equal(code, 0, stderr);
  t.diagnostic(stdout.trim().replaceAll(/\s+/g, ' '));
  return { relay: join(dir, 'hawser-relay.mjs'), agent: join(dir, 'hawser-agent.mjs'), dir };
}

export function configMap(name: string, data: Record<string, string>, namespace = 'default'): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data };
}

/** With one value more, which no process may say. */
export function secret(name: string, data: Record<string, string>, namespace = 'default'): KubeObject {
  const stringData = { ...data, planted: planted(`secret/${namespace}/${name}`) };
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, type: 'Opaque', stringData };
}

/** A pod bound to a node, with an environment from ConfigMaps and Secrets. */
export function podOn(node: string, name: string, uses: { configMaps?: string[]; secrets?: string[] } = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName: node,
      containers: [
        {
          name: 'main',
          image: 'registry.example/main:1',
          envFrom: [
            ...(uses.configMaps ?? []).map((use) => ({ configMapRef: { name: use } })),
            ...(uses.secrets ?? []).map((use) => ({ secretRef: { name: use } })),
          ],
        },
      ],
    },
  };
}

/** Waits until the cloud says so about the pod. */
export function podInCloud(kube: KubeClient, name: string, matches: (status: PodStatus) => boolean, timeoutMs = 60_000) {
  return until(`pod ${name} in the cloud`, timeoutMs, undefined, async () => {
    const pod = await kube.get('pods', 'default', name);
    return pod !== undefined && matches((pod.status ?? {}) as PodStatus) ? pod : undefined;
  });
}

export interface PodStatus {
  readonly phase?: string;
  readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  readonly containerStatuses?: readonly {
    readonly ready: boolean;
    readonly restartCount: number;
    readonly state: { readonly waiting?: { readonly reason: string; readonly message?: string }; readonly running?: object };
  }[];
}

export function nodeReady(kube: KubeClient, name: string, timeoutMs = 60_000): Promise<KubeObject> {
  return until(`node ${name} Ready`, timeoutMs, undefined, async () => {
    const node = await kube.get('nodes', '', name);
    const conditions = (node?.status as { conditions?: { type: string; status: string }[] } | undefined)?.conditions ?? [];
    return conditions.some(({ type, status }) => type === 'Ready' && status === 'True') ? node : undefined;
  });
}
