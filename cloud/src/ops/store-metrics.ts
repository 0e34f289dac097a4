import { Counter, Gauge, type Registry } from 'prom-client';

export interface StoreReadings {
  /** What the relay knows of the cluster. */
  downstream(): {
    /** By resource. */
    readonly objects: Readonly<Record<string, number>>;
    readonly bodies: number;
    readonly bodyCharacters: number;
    readonly missingBodies: number;
    readonly encodedBytes: number;
    readonly encodings: number;
    readonly rememberedEntries: number;
    readonly edgeNodes: number;
    readonly malformed: number;
    readonly ignored: number;
  };
}

/** What the relay keeps of the cluster's objects. */
export function registerStoreMetrics(registry: Registry, readings: StoreReadings): void {
  const registers = [registry];
  new Gauge({
    name: 'hawser_relay_objects',
    help: 'Objects of the cluster that the relay knows, by resource.',
    labelNames: ['resource'],
    registers,
    collect() {
      for (const [resource, count] of Object.entries(readings.downstream().objects)) this.set({ resource }, count);
    },
  });
  for (const [reading, name, help] of [
    ['bodies', 'hawser_relay_bodies', 'Objects whose bodies are kept, as some edge node needs them.'],
    ['bodyCharacters', 'hawser_relay_body_characters', 'Characters of canonical JSON in those bodies.'],
    ['missingBodies', 'hawser_relay_missing_bodies', 'Bodies that were asked of the API server and have not come.'],
    ['encodedBytes', 'hawser_relay_encoded_bytes', 'Bytes of compressed bodies that are kept to be sent to further nodes.'],
    ['rememberedEntries', 'hawser_relay_remembered_entries', 'Entries of what agents held when their sessions ended.'],
    ['edgeNodes', 'hawser_relay_edge_nodes', 'Nodes with the edge label.'],
  ] as const) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(readings.downstream()[reading]);
      },
    });
  }
  for (const [reading, name, help] of [
    ['encodings', 'hawser_relay_encodings_total', 'Bodies and differences that were compressed.'],
    ['malformed', 'hawser_relay_malformed_objects_total', 'Objects of the cluster that could not be read and were passed over.'],
    ['ignored', 'hawser_relay_ignored_changes_total', 'Changes that were no news.'],
  ] as const) {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(readings.downstream()[reading]);
      },
    });
  }
}
