/** What the benchmark tells a process of devices, and hears from it. Times are milliseconds of the machine's monotonic clock. */
export type ToDevices =
  | {
      readonly type: 'begin';
      readonly devices: readonly string[];
      readonly podsPerDevice: number;
      readonly url: string;
      readonly authority: { readonly commonName: string; readonly certificatePem: string; readonly keyPem: string };
      readonly onDisk: OnDisk | undefined;
    }
  /** One change of the status of one pod of the first device, which is to be this one. */
  | { readonly type: 'single'; readonly node: string; readonly pod: number }
  /**
   * On every device, `rounds` times: that many pods change their status, and the next round begins when the cloud has answered all.
   */
  | { readonly type: 'change'; readonly rounds: number; readonly pods: number }
  /** The last device changes the status of all its pods, again and again, until it is told to end. */
  | { readonly type: 'flood'; readonly isOn: boolean }
  /** From now on the links that are lost after their welcome are counted. */
  | { readonly type: 'countLost' }
  /** Every device makes one Event about its first pod, with that text and its own name in it. */
  | { readonly type: 'event'; readonly text: string }
  | { readonly type: 'show' }
  | { readonly type: 'tell' };

export type FromDevices =
  | { readonly type: 'inSync'; readonly count: number }
  | { readonly type: 'written'; readonly at: number }
  /** The flood is over and everything of it is answered. */
  | { readonly type: 'flooded'; readonly changes: number }
  | Progress
  /** Everything is answered. */
  | {
      readonly type: 'delivered';
      readonly firstAt: number;
      readonly lastAt: number;
      readonly changes: number;
    }
  /** How many links stand, whenever that changed. */
  | { readonly type: 'linked'; readonly count: number; readonly at: number }
  | { readonly type: 'shown'; readonly devices: readonly Shown[] }
  | Told;

/** Every so many devices of a process have their store in a file there, as in the field; the others in memory. */
export interface OnDisk {
  readonly dir: string;
  readonly every: number;
}

/** What one device has. */
export interface Shown {
  readonly node: string;
  /** resourceVersions by key, of all that the cloud has sent. */
  readonly held: Readonly<Record<string, string>>;
  /** Since it began: operations that were sent to it, and inventories that it was asked for. */
  readonly operations: number;
  readonly inventories: number;
  /** Bytes of its links, both ways; what was sent is counted without TLS. */
  readonly linkBytes: number;
}

export interface Progress {
  readonly type: 'progress';
  /** Changes that are written on the devices and not answered. */
  readonly waiting: number;
}

export interface Told {
  readonly type: 'told';
  /** By pod: how often its container has crashed, which is what the API server must show. */
  readonly restarts: Readonly<Record<string, number>>;
  readonly applied: number;
  readonly refused: number;
  readonly unavailable: number;
  /** Links that ended after their welcome, since `countLost`. */
  readonly lost: number;
  readonly sent: number;
  /** The longest time for which the process of the devices answered nothing, not even a ping, since the last telling; in ms. */
  readonly stalledMs: number;
}
