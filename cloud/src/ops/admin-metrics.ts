import { Counter, Gauge, type Registry } from 'prom-client';

export interface AdminReadings {
  /** Watches of administrators that are open. */
  adminWatches(): number;
}

export interface AdminEndpointMetrics {
  adminRequest(to: string, outcome: string): void;
}

export function createAdminMetrics(registry: Registry, readings: AdminReadings): AdminEndpointMetrics {
  const registers = [registry];
  new Gauge({
    name: 'hawser_relay_admin_watches',
    help: 'Watches of administrators that are open.',
    registers,
    collect() {
      this.set(readings.adminWatches());
    },
  });
  const requests = new Counter({
    name: 'hawser_relay_admin_requests_total',
    help: 'Requests to the administrative endpoint, by what they were for and what came of them.',
    labelNames: ['to', 'outcome'],
    registers,
  });
  return { adminRequest: (to, outcome) => requests.inc({ to, outcome }) };
}
