import type { Settings } from '../../ops/settings.ts';
import type { AgentFacts } from './checks/agent.ts';
import type { IdentityFacts } from './identity.ts';
import type { Reached } from './probes/reach.ts';
import type { Shown } from './probes/tls.ts';

/** What the checks know before they begin, and what one leaves for those after it. */
export interface Scene {
  readonly settings: Settings;
  /** The file that they are from, where there is one. */
  readonly config: string | undefined;
  /** `CREDENTIALS_DIRECTORY` of systemd. */
  readonly credentials: string | undefined;
  readonly version: string;
  readonly now: () => Date;
  readonly agent: AgentFacts;
  readonly identity: IdentityFacts;
  /** Facts that the agent has left in its store. */
  readonly facts: Readonly<Record<string, string>>;
  /** By the relay's address. */
  readonly reached: Map<string, Reached>;
  readonly shown: Map<string, Shown>;
}
