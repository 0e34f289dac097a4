import type { RenewalOutcome } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { ApiClient, IdentityCheck } from '../apiserver/index.ts';
import type { Clock } from '../clock.ts';
import type { ReflectorStatus } from '../merge/change.ts';
import type { Settings } from '../ops/settings.ts';
import { createCertificates, type TrustReadings } from './certificates.ts';
import type { WatchedDevices } from './devices/index.ts';
import { createEnrolmentEndpoint, type EnrolmentEndpointOptions, type EnrolmentServer } from './endpoint/index.ts';
import { createLinkTrust, type LinkTrust } from './trust.ts';
import type { Serving } from './types.ts';

export interface EnrolmentOptions {
  readonly settings: Pick<Settings, 'link' | 'tls' | 'issuer' | 'enroll' | 'keyExchange' | 'limits'>;
  /** With the relay's own rights, for its own cluster only. */
  readonly client: ApiClient;
  /** Of the relays. */
  readonly namespace: string;
  readonly machine: { readonly hostname: string; readonly podIp: string | undefined };
  readonly identity: IdentityCheck;
  readonly metrics: EnrolmentEndpointOptions['metrics'] & {
    certificateFiles(result: 'taken' | 'refused'): void;
    renewal(outcome: RenewalOutcome['type']): void;
  };
  readonly clock: Clock;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  readonly logger: Logger;
  /** The API server is behind where it was. Returns whether that led to a call of `restored`. */
  readonly onRestored: (detail: string) => boolean;
  /** What `waitingFor` or `devicesStatus` says may be another. */
  readonly onStatus: () => void;
}

/** Identity and trust of relay and devices: with what the relay serves, who is let in, and how devices join and are renewed. */
export interface Enrolment {
  readonly serving: Serving;
  /** For links. */
  readonly trust: LinkTrust;
  /** Undefined where nobody can join: by the setting, or since nobody signs. */
  readonly endpoint: EnrolmentServer | undefined;
  start(): void;
  /** Once there are no links and no connections any more: `endpoint` is stopped before. */
  stop(): Promise<void>;
  /** What keeps the relay from serving, one line each, for people. */
  waitingFor(): readonly string[];
  /** Of the records of devices: nobody is let in before they are known. */
  devicesStatus(): ReflectorStatus;
  /** Of all watches: the records of devices, and the authority. */
  statuses(): readonly ReflectorStatus[];
  readings(): TrustReadings;
  deviceCounts(): ReturnType<WatchedDevices['counts']>;
  /** The API server was restored from a backup, whoever has noticed it. */
  restored(detail: string): void;
}

/** @throws HawserError `bad_config` for files of certificates that are missing or wrong */
export async function createEnrolment(options: EnrolmentOptions): Promise<Enrolment> {
  const { settings, metrics, client, machine, onStatus } = options;
  const certificates = await createCertificates({ ...options, onFiles: (result) => metrics.certificateFiles(result) });
  const { serving, issuer } = certificates;
  const trust = createLinkTrust({
    ...options,
    ...settings.enroll,
    issuer,
    instance: machine.hostname,
    counts: metrics,
    onRenewal: (outcome) => metrics.renewal(outcome),
    onBound: (bound) => metrics.boundReached(bound),
  });
  const { devices } = trust;
  const endpoint =
    settings.enroll.enabled && issuer !== undefined
      ? createEnrolmentEndpoint({ ...options, serving, issuer, devices, api: client })
      : undefined;
  return {
    serving,
    trust,
    endpoint,
    start() {
      serving.onChange(onStatus);
      devices.start();
      certificates.start();
    },
    async stop() {
      await devices.stop();
      await certificates.stop();
    },
    waitingFor: () => certificates.waitingFor(),
    devicesStatus: () => devices.status(),
    statuses: () => [devices.status(), certificates.status()].filter((status) => status !== undefined),
    readings: () => certificates.readings(),
    deviceCounts: () => devices.counts(),
    restored(detail) {
      devices.restored(detail);
      certificates.restored(detail);
    },
  };
}
