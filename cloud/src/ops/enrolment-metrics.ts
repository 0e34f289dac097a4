import { Counter, Gauge, type Registry } from 'prom-client';

export interface EnrolmentReadings {
  /** Open connections of the enrolment endpoint. */
  enrolments(): number;
}

export interface EnrolmentMetrics {
  /** `joined`, `renewed`, or why it was refused. */
  enrolment(outcome: string): void;
  /** A connection was ended: what came was no TLS, no HTTP, or a request ahead of an answer. */
  enrolmentMisuse(of: string): void;
}

export function createEnrolmentMetrics(registry: Registry, readings: EnrolmentReadings): EnrolmentMetrics {
  const registers = [registry];
  new Gauge({
    name: 'hawser_relay_enrolment_connections',
    help: 'Open connections of devices that join, or renew a certificate that has ended.',
    registers,
    collect() {
      this.set(readings.enrolments());
    },
  });
  const outcomes = new Counter({
    name: 'hawser_relay_enrolments_total',
    help: 'Joins and late renewals: joined, renewed, or why they were refused.',
    labelNames: ['outcome'],
    registers,
  });
  const misuses = new Counter({
    name: 'hawser_relay_enrolment_misuses_total',
    help: 'Connections of the enrolment endpoint on which no TLS or no HTTP came, or a request ahead of an answer.',
    labelNames: ['of'],
    registers,
  });
  return {
    enrolment: (outcome) => outcomes.inc({ outcome }),
    enrolmentMisuse: (of) => misuses.inc({ of }),
  };
}
