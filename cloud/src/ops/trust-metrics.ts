import { Counter, Gauge, type Registry } from 'prom-client';

export interface TrustMetricReadings {
  trust(): { readonly servingEnd: Date | undefined; readonly authorityEnd: Date | undefined; readonly trusted: number };
}

export interface TrustMetrics {
  /** The operator's files were read, at the start or anew. */
  certificateFiles(result: 'taken' | 'refused'): void;
}

export function createTrustMetrics(registry: Registry, readings: TrustMetricReadings): TrustMetrics {
  const registers = [registry];
  new Gauge({
    name: 'hawser_relay_certificate_end_timestamp_seconds',
    help: 'When the serving certificate and the authority end, in seconds since the epoch of Unix.',
    labelNames: ['certificate'],
    registers,
    collect() {
      this.reset();
      const { servingEnd, authorityEnd } = readings.trust();
      if (servingEnd !== undefined) this.set({ certificate: 'serving' }, servingEnd.getTime() / 1000);
      if (authorityEnd !== undefined) this.set({ certificate: 'authority' }, authorityEnd.getTime() / 1000);
    },
  });
  new Gauge({
    name: 'hawser_relay_trusted_authorities',
    help: 'Authorities that are trusted, the current one and those before it.',
    registers,
    collect() {
      this.set(readings.trust().trusted);
    },
  });
  const files = new Counter({
    name: 'hawser_relay_certificate_files_total',
    help: "Readings of the operator's own certificates that brought something else, by whether it was taken.",
    labelNames: ['result'],
    registers,
  });
  return { certificateFiles: (result) => files.inc({ result }) };
}
