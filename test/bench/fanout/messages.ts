/** What the benchmark tells a process of agents, and hears from it. Times are milliseconds of the machine's monotonic clock. */
export type ToAgents =
  | {
      readonly type: 'begin';
      /** One for each agent, by node. */
      readonly agents: readonly { readonly node: string; readonly url: string }[];
      readonly authority: { readonly commonName: string; readonly certificatePem: string; readonly keyPem: string };
      /** The object whose versions are timed. */
      readonly watched: string;
    }
  | { readonly type: 'collect'; readonly resourceVersion: string };

export type FromAgents =
  | { readonly type: 'inSync'; readonly count: number; readonly objects: number }
  | { readonly type: 'applied'; readonly resourceVersion: string; readonly at: readonly number[] };
