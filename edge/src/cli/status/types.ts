/**
 * What `hawser-agent status -o json` prints. Times are RFC 3339; what is not known is null. Fields are added to it and none is taken away
 * or given another meaning within a major version.
 */
export interface StatusReport {
  /** Whether an agent has the store open now; where not, all that is said of it is from its last run. */
  readonly running: boolean;
  /** Whether the running agent itself was asked; where not, the store was. */
  readonly answers: boolean;
  /** Why one that runs does not answer. */
  readonly silent: string | null;
  readonly node: string | null;
  /** As what `hawser-agent join` has made this device a node; null where it has not. */
  readonly joinedAs: string | null;
  readonly version: string | null;
  readonly startedAt: string | null;
  /** Of the running agent's log. */
  readonly logLevel: string | null;
  readonly workload: string | null;
  /** The kubelet that the agent runs; null where the workload is none. */
  readonly kubelet: {
    /** `running`, `waiting`, `blocked`, `clearing`, `stopping`, `stopped`, `external`. */
    readonly state: string;
    readonly since: string | null;
    readonly version: string | null;
    readonly detail: string | null;
    /** Whether it renews its Lease at the local API. */
    readonly alive: boolean;
    /** Of one that ends again and again. */
    readonly lastLines: readonly string[];
  } | null;
  readonly localApi: string | null;
  /** uid of the kube-system namespace. */
  readonly cluster: string | null;
  readonly storeId: string;
  readonly link: {
    /** `open`, `down`, `never open`. */
    readonly state: string;
    /** What the agent does about it: `dialling`, `greeting`, `open`, `waiting`; null where it was not asked. */
    readonly phase: string | null;
    readonly relay: string | null;
    /** Of the state; null where nobody knows. */
    readonly since: string | null;
    /** Why it is down. */
    readonly detail: string | null;
    readonly nextDial: string | null;
    /** When a relay welcomed us last. */
    readonly lastOpen: string | null;
    /** The last one, also where the link is open again. `kind` as in docs/metrics.md. */
    readonly lastFailure: { readonly kind: string; readonly detail: string; readonly time: string } | null;
  };
  readonly certificate: {
    readonly ends: string | null;
    /** Negative once it has ended. */
    readonly endsInSeconds: number | null;
    /** When the next one is asked for; null for files of an operator, which are not renewed. */
    readonly renewsAt: string | null;
    /** What its renewal is doing; null for files of an operator. */
    readonly renewal: string | null;
    readonly renewed: string | null;
    /** Hashes of the public keys of those that relays are verified with. */
    readonly authorities: readonly string[];
  };
  /** `right`, `behind`, `ahead`; what the clock said when it was found to be wrong. */
  readonly clock: { readonly verdict: string; readonly said: string | null };
  readonly session: { readonly state: string; readonly since: string | null; readonly relayVersion: string | null };
  readonly lastSync: string | null;
  readonly lastSyncAgeSeconds: number | null;
  /** As in `set`. */
  readonly objects: number;
  readonly digest: string;
  /** Objects of the cloud, as the digest counts them, and since when the device holds all that it should. */
  readonly set: {
    readonly objects: number;
    readonly digest: string;
    readonly inSync: boolean;
    readonly since: string | null;
  };
  /** What the local API serves, by resource. */
  readonly served: Readonly<Record<string, number>>;
  readonly outbox: {
    readonly entries: number;
    /** Of their bodies. */
    readonly bytes: number;
    readonly oldestSince: string | null;
    /** Blocked: those that the cloud could not take, and that wait before they are sent again; null where the agent was not asked. */
    readonly held: number | null;
    /** Events that were given up before the cloud was told of them, since the store began. */
    readonly droppedEvents: number;
    readonly oldest: readonly string[];
  };
  readonly refusedReports: readonly string[];
  readonly refusedObjects: readonly string[];
  /** `seal`: algorithm and id of the key that Secrets and tokens are sealed with; null where nothing is sealed. */
  readonly store: {
    readonly path: string;
    readonly bytes: number;
    readonly logBytes: number;
    /** Of the file system that it is on, for a user that is not root. */
    readonly freeBytes: number | null;
    readonly diskBytes: number | null;
    readonly revision: number;
    readonly seal: string | null;
  };
  /** What wants somebody to do something: with `--check` the command ends with 1 where there is any. */
  readonly concerns: readonly Concern[];
}

/** `code` is stable, the text is for people. */
export interface Concern {
  readonly code: ConcernCode;
  readonly text: string;
}

/**
 * | code | meaning |
 * |---|---|
 * | notRunning | no agent runs |
 * | silent | one runs, and its local API does not answer |
 * | link | the link is down for a reason that time does not mend |
 * | session | the relay has no Node for this device, or it lacks its label |
 * | certificate | it has ended, is about to, or its renewal has failed for good |
 * | clock | it is wrong |
 * | kubelet | it does not run, or does not renew its Lease |
 * | outbox | it is nearly full |
 * | refusedObjects | the device could not take objects of the cloud |
 * | disk | the disk is nearly full |
 */
export type ConcernCode =
  | 'notRunning'
  | 'silent'
  | 'link'
  | 'session'
  | 'certificate'
  | 'clock'
  | 'kubelet'
  | 'outbox'
  | 'refusedObjects'
  | 'disk';
