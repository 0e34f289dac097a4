import { Counter, Gauge, type Registry } from 'prom-client';

export interface DeviceReadings {
  /** Records of devices by what they say; empty before there are any. */
  devices(): ReadonlyMap<string, number>;
}

/** @returns counts a renewal over the link by its outcome */
export function createDeviceMetrics(registry: Registry, readings: DeviceReadings): (outcome: string) => void {
  new Gauge({
    name: 'hawser_relay_devices',
    help: 'Records of devices: enrolled, renewing (the next key has not linked yet), revoked, or unreadable.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      for (const [state, count] of readings.devices()) this.set({ state }, count);
    },
  });
  const renewals = new Counter({
    name: 'hawser_relay_renewals_total',
    help: "Renewals of devices' certificates over the link, by outcome: issued, refused, unavailable.",
    labelNames: ['outcome'],
    registers: [registry],
  });
  return (outcome) => renewals.inc({ outcome });
}
