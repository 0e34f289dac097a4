import { Counter, Gauge, type Registry } from 'prom-client';
import { BOUNDS, type Bound } from './bounds.ts';

export interface BoundReadings {
  /** Bytes of messages whose end has not come, over all links. */
  receivingBytes(): number;
  /** Characters of reports that wait for or are at the API server. */
  reportBytes(): number;
  /** Connections of the address that has the most. */
  mostConnectionsOfAddress(): number;
}

/** How near the relay is to its bounds, and how often each was reached. @returns to be called each time that one is */
export function createBoundMetrics(registry: Registry, readings: BoundReadings): (bound: Bound) => void {
  const registers = [registry];
  const reached = new Counter({
    name: 'hawser_relay_bounds_reached_total',
    help: 'Times that a connection, link or device came to a bound, by the bound.',
    labelNames: ['bound'],
    registers,
  });
  // Told from the start, so that a rate sees the first time.
  for (const bound of BOUNDS) reached.inc({ bound }, 0);
  gauge('hawser_relay_receiving_bytes', 'Bytes of messages whose end has not come, over all links.', () =>
    readings.receivingBytes(),
  );
  gauge('hawser_relay_report_bytes', 'Bytes of reports that wait for or are at the API server.', () => readings.reportBytes());
  gauge('hawser_relay_most_connections_of_address', 'Connections of the address that has the most.', () =>
    readings.mostConnectionsOfAddress(),
  );

  function gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  }

  return (bound) => reached.inc({ bound });
}
