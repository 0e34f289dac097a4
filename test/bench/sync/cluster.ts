import type { KubeObject } from '@hawser/protocol';
import type { KubeClient } from '../../support/kube.ts';
import { concurrently } from '../concurrently.ts';
import { type ConfigChange, type ConfigData, changedValue, configData } from '../data.ts';
import type { Random } from '../random.ts';
import type { Expected } from './config-watch.ts';

const NAMESPACE = 'default';
const CONFIG_BYTES = 1_000;
const LARGE_BYTES = 60_000;
export const LARGE = 'large';
/** Writes to the API server at a time. Connections are kept open, so that their handshakes are not measured. */
const WRITERS = 16;

/** The cluster's side of the benchmark: the ConfigMaps of one device, what is in them, and changes of them. */
export class BenchCluster {
  readonly #kube: KubeClient;
  readonly #random: Random;
  readonly #data = new Map<string, ConfigData>();

  constructor(kube: KubeClient, random: Random) {
    this.#kube = kube;
    this.#random = random;
  }

  /** So many ConfigMaps of 1 KB, and a pod on the node that uses all of them. */
  async createConfigMaps(node: string, count: number): Promise<readonly string[]> {
    const names = Array.from({ length: count }, (_, index) => `settings-${String(index).padStart(4, '0')}`);
    await concurrently(names, WRITERS, (name) => this.#create(name, CONFIG_BYTES));
    await this.#kube.create(podOn(node, 'web-0', names));
    return names;
  }

  /** So many pods: one with a ConfigMap of 60 KB, the others with one of those that are there. */
  async createPods(node: string, count: number, names: readonly string[]): Promise<void> {
    await this.#create(LARGE, LARGE_BYTES);
    await concurrently(
      Array.from({ length: count }, (_, index) => index + 1),
      WRITERS,
      (index) => this.#kube.create(podOn(node, `web-${index}`, [index === 1 ? LARGE : (names[index % names.length] ?? LARGE)])),
    );
  }

  /** Values that were written last, or the first of each as it was made. */
  current(names: readonly string[]): Expected {
    return new Map(names.map((name) => [name, firstOf(this.#of(name))]));
  }

  /** Changes 40 characters of one value of each, all at once. @returns what is to be seen, and how long the API server took */
  async change(
    names: readonly string[],
  ): Promise<{ readonly expected: Expected; readonly startedAt: number; readonly ms: number }> {
    const changes = names.map((name) => ({ name, change: changedValue(this.#random, this.#of(name)) }));
    const startedAt = performance.now();
    const written = concurrently(changes, WRITERS, ({ name, change }) =>
      this.#kube.patch('configmaps', NAMESPACE, name, { data: { [change.key]: change.value } }),
    );
    for (const { name, change } of changes) this.#data.set(name, { ...this.#of(name), [change.key]: change.value });
    const expected = new Map(changes.map(({ name, change }) => [name, change]));
    await written;
    return { expected, startedAt, ms: performance.now() - startedAt };
  }

  async #create(name: string, bytes: number): Promise<void> {
    const data = configData(this.#random, bytes);
    this.#data.set(name, data);
    await this.#kube.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: NAMESPACE }, data });
  }

  #of(name: string): ConfigData {
    const data = this.#data.get(name);
    if (data === undefined) throw new Error(`no ConfigMap ${name} was made`);
    return data;
  }
}

function firstOf(data: ConfigData): ConfigChange {
  const [[key, value] = ['', '']] = Object.entries(data);
  return { key, value };
}

function podOn(node: string, name: string, configMaps: readonly string[]): KubeObject {
  const envFrom = configMaps.map((use) => ({ configMapRef: { name: use } }));
  const container = { name: 'main', image: 'registry.example/main:1', envFrom };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: NAMESPACE },
    spec: { nodeName: node, containers: [container] },
  };
}
