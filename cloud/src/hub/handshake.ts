import { DICTIONARIES, type Feature, type Hello, PROTOCOL_VERSIONS, type Welcome } from '@hawser/protocol';
import { type Epochs, FIRST_EPOCH } from '../epoch/epochs.ts';
import type { Ending } from './close-codes.ts';

/** Named in Welcome as far as the agent has them too. */
export const RELAY_FEATURES: readonly Feature[] = ['delta', 'clusterKeys', 'deviceState'];
/** Static dictionaries that this version has, newest first. */
export const RELAY_DICTIONARIES: readonly string[] = DICTIONARIES.map(({ id }) => id);
/** Nothing about a store of another cluster changes by dialling again, so that should be rare. */
const WRONG_CLUSTER_WAIT_MS = 5 * 60_000;
/** An epoch that is not believed now may be in an hour. */
const EPOCH_REFUSED_WAIT_MS = 5 * 60_000;
const NO_VERSION_WAIT_MS = 5 * 60_000;

export interface RelayIdentity {
  readonly relayVersion: string;
  /** uid of the namespace kube-system. */
  readonly clusterUid: string;
}

/** What the handshake needs of the cluster's epochs. An agent's later one is taken over before it is welcomed in it. */
export type EpochMeeting = Pick<Epochs, 'current' | 'meet'>;

export type Greeting =
  | { readonly type: 'accepted'; readonly welcome: Omit<Welcome, 'status'> }
  | { readonly type: 'refused'; readonly ending: Ending };

/** The relay's answer to a hello, but for the session's status. The first version in our order that the agent has too is taken. */
export function greet(hello: Hello, nodeName: string, relay: RelayIdentity, epochs: EpochMeeting): Greeting {
  const protocolVersion = PROTOCOL_VERSIONS.find((version) => hello.protocolVersions.includes(version));
  if (protocolVersion === undefined) {
    const theirs = hello.protocolVersions.slice(0, 10).join(', ') || 'none';
    const detail = `no common protocol version: the relay has ${PROTOCOL_VERSIONS.join(', ')}, the agent ${theirs}`;
    return refused({ close: 'noCommonVersion', goodbye: 'protocolError', detail, retryAfterMs: NO_VERSION_WAIT_MS });
  }
  if (hello.clusterUid !== undefined && hello.clusterUid !== relay.clusterUid) {
    const detail = `the agent's store belongs to cluster ${hello.clusterUid}, the relay to ${relay.clusterUid}`;
    return refused({ close: 'wrongCluster', goodbye: 'wrongCluster', detail, retryAfterMs: WRONG_CLUSTER_WAIT_MS });
  }
  const meeting = epochs.meet(nodeName, hello.epoch ?? FIRST_EPOCH);
  if (meeting.type === 'refused') {
    return refused({ close: 'overloaded', goodbye: 'overloaded', detail: meeting.detail, retryAfterMs: EPOCH_REFUSED_WAIT_MS });
  }
  return {
    type: 'accepted',
    welcome: {
      type: 'welcome',
      protocolVersion,
      features: RELAY_FEATURES.filter((feature) => hello.features.includes(feature)),
      dictionaries: RELAY_DICTIONARIES.filter((dictionary) => hello.dictionaries.includes(dictionary)),
      relayVersion: relay.relayVersion,
      clusterUid: relay.clusterUid,
      epoch: epochs.current,
      nodeName,
    },
  };
}

function refused(ending: Ending): Greeting {
  return { type: 'refused', ending };
}
