import { X509Certificate } from 'node:crypto';
import type { Authorities, Renewed } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../api/clock.ts';
import type { Uptime } from '../autonomy/index.ts';
import type { LinkFailure, LinkState, LinkTls } from '../link/index.ts';
import { type ClockWatch, watchClock } from './clock-watch.ts';
import type { ClockVerdict } from './device-time.ts';
import { createEnrolClient } from './enrol-client.ts';
import { noteIdentity } from './identity-facts.ts';
import { createKeeper, type Keeper, type KeptLink, type RenewalStats } from './keeper.ts';
import { createRelayClock } from './relay-clock.ts';
import type { Identity, IdentityFolder } from './types.ts';

export interface KeptIdentityOptions {
  /** Undefined where the operator's own files serve, which are never changed. */
  readonly folder: IdentityFolder | undefined;
  /** Of those files, for the next dial. @throws HawserError `bad_config` */
  readonly tls: () => LinkTls;
  readonly relays: readonly string[];
  /** In OpenSSL's form; undefined: Node's default. */
  readonly ecdhCurve: string | undefined;
  readonly store: {
    fact(name: string): string | undefined;
    setFacts(facts: Readonly<Record<string, string>>): void;
  };
  readonly clock: Clock;
  readonly uptime: Uptime;
  /** At least 0, below 1. */
  readonly random: () => number;
  readonly logger: Logger;
}

/** What a link needs to know of it. */
export type LinkCredentials = Pick<KeptIdentity, 'tls' | 'linkChanged' | 'receive' | 'revoked' | 'start'>;

/** As whom the device dials, kept valid: the certificate by renewals, the check of relays by what is thought of the clock. */
export interface KeptIdentity {
  /** As `LinkOptions.tls`. */
  tls(): LinkTls | LinkFailure;
  /** Of the hello; undefined where files serve. */
  authorities(): string | undefined;
  linkChanged(state: LinkState): void;
  /** What the relay says about certificates. */
  receive(message: Renewed | Authorities): void;
  /** As `Keeper.revoked`. */
  revoked(): boolean;
  start(link: KeptLink): void;
  stats(): RenewalStats;
  clock(): ClockVerdict;
  /** See `ClockWatch.offsetMs`. */
  clockOffsetMs(): number | undefined;
  stop(): void;
}

/** What nobody renews, for those who only need a link. */
export function fixedCredentials(tls: () => LinkTls): LinkCredentials {
  return { tls, linkChanged: () => {}, receive: () => {}, revoked: () => false, start: () => {} };
}

/** @throws HawserError `bad_config` for files that are wrong */
export function keepIdentity(options: KeptIdentityOptions): KeptIdentity {
  const { folder, store, clock, uptime, logger } = options;
  const identity = folder?.read();
  const watch = watchClock({ store, clock, uptime, certifiedMs: certifiedMs(identity, options.tls), logger });
  const kept =
    folder === undefined || identity === undefined ? keepFiles(options, watch) : keepFolder(options, folder, identity, watch);
  return {
    ...kept,
    clock: watch.verdict,
    clockOffsetMs: watch.offsetMs,
    tls() {
      const tls = kept.tls();
      return 'kind' in tls ? tls : { ...tls, times: { now: watch.wall, heard: watch.heard } };
    },
    stop() {
      kept.stop();
      watch.stop();
    },
  };
}

type Kept = Omit<KeptIdentity, 'clock' | 'clockOffsetMs'>;

function keepFolder(options: KeptIdentityOptions, folder: IdentityFolder, identity: Identity, watch: ClockWatch): Kept {
  const { store, clock, ecdhCurve, logger } = options;
  const keeper: Keeper = createKeeper({
    ...options,
    folder,
    identity,
    watch,
    relayClock: createRelayClock(watch),
    client: (authorities, signal) =>
      createEnrolClient({
        trust: { type: 'authorities', authorities },
        at: watch.trusted() ?? 'anyTime',
        ecdhCurve,
        clock,
        signal,
      }),
    onNews: () => noteIdentity(store, keeper.news(), logger),
  });
  return {
    ...keeper,
    receive(message) {
      if (message.type === 'renewed') keeper.renewed(message.outcome);
      else keeper.follow(message.certificates);
    },
  };
}

/** The operator renews them, and says whom relays are verified with. */
function keepFiles({ tls, store, logger }: KeptIdentityOptions, watch: ClockWatch): Kept {
  const relayClock = createRelayClock(watch);
  let isOpen = false;
  let leaf = new X509Certificate(tls().cert);
  return {
    tls() {
      const read = tls();
      leaf = new X509Certificate(read.cert);
      watch.certified(leaf.validFromDate.getTime());
      isOpen = false;
      return relayClock.apply(read);
    },
    authorities: () => undefined,
    linkChanged(state) {
      if (state.name === 'open' && !isOpen) {
        isOpen = true;
        watch.welcomed({ endsMs: leaf.validToDate.getTime(), isRelayInTime: relayClock.opened() });
      } else if (state.name === 'waiting') relayClock.failed(state.reason.kind);
    },
    receive: () => {},
    revoked: () => false,
    start: () =>
      noteIdentity(store, { endsMs: leaf.validToDate.getTime(), authorities: [], text: '', renewedMs: undefined }, logger),
    stats: () => ({ renewals: {}, endsMs: leaf.validToDate.getTime() }),
    stop: () => {},
  };
}

/** All of them were signed, so the time in which the latest begins has come. In milliseconds since 1970. */
function certifiedMs(identity: Identity | undefined, tls: () => LinkTls): number {
  const certificates =
    identity === undefined
      ? [new X509Certificate(tls().cert)]
      : [identity.current.certificates[0], ...(identity.next?.certificates.slice(0, 1) ?? []), ...identity.authorities];
  return Math.max(...certificates.map(({ validFromDate }) => validFromDate.getTime()));
}
