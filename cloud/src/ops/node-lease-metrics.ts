import { Counter, Gauge, type Registry } from 'prom-client';

export interface NodeLeaseReadings {
  /** By state: `renewed`, `expired`, …; the age of the oldest in seconds; conditions that wait to be written. */
  nodeLeases(): {
    readonly states: ReadonlyMap<string, number>;
    readonly oldestSeconds: number;
    readonly linkedWaiting: number;
  };
}

export interface NodeLeaseMetrics {
  leaseRenewal(outcome: string): void;
  linkedWrite(outcome: string): void;
}

const STATES = ['renewed', 'expired', 'kubeletSilent', 'unclaimed', 'nodeMissing'];

/** What the cluster sees of the links: node Leases and the condition hawser.dev/Linked. */
export function createNodeLeaseMetrics(registry: Registry, readings: NodeLeaseReadings): NodeLeaseMetrics {
  const registers = [registry];
  new Gauge({
    name: 'hawser_relay_node_leases',
    help: 'Nodes with a session here, by what becomes of their Leases.',
    labelNames: ['state'],
    registers,
    collect() {
      const { states } = readings.nodeLeases();
      for (const state of STATES) this.set({ state }, states.get(state) ?? 0);
    },
  });
  new Gauge({
    name: 'hawser_relay_node_lease_oldest_seconds',
    help: 'Since the last renewal of the node Lease that has waited for longest, of those that are to be renewed.',
    registers,
    collect() {
      this.set(readings.nodeLeases().oldestSeconds);
    },
  });
  const renewals = new Counter({
    name: 'hawser_relay_node_lease_renewals_total',
    help: 'Calls of the API server about node Leases, by what came of them.',
    labelNames: ['outcome'],
    registers,
  });
  new Gauge({
    name: 'hawser_relay_linked_conditions_waiting',
    help: 'Nodes whose condition hawser.dev/Linked waits to be written: for its time, or its turn.',
    registers,
    collect() {
      this.set(readings.nodeLeases().linkedWaiting);
    },
  });
  const writes = new Counter({
    name: 'hawser_relay_linked_condition_writes_total',
    help: 'Calls of the API server about the condition hawser.dev/Linked, by what came of them.',
    labelNames: ['outcome'],
    registers,
  });
  return {
    leaseRenewal: (outcome) => renewals.inc({ outcome }),
    linkedWrite: (outcome) => writes.inc({ outcome }),
  };
}
