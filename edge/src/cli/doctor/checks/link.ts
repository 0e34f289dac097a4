import type { LiveAgent } from '../../../ops/live-agent.ts';
import { milliseconds } from '../in-words.ts';
import { type Finding, ok, problem, unseen } from '../types.ts';

export interface LinkFacts {
  /** The running agent's own word: then nobody else dials, since a second link of a node ends the first. */
  readonly live: LiveAgent | undefined;
  /** An agent runs and does not answer: nobody may dial in its place. */
  readonly isSilent: boolean;
  /** What came of dialling and saying hello; undefined where that was not done. */
  readonly tried: Tried | undefined;
  /** uid that the store belongs to. */
  readonly clusterUid: string | undefined;
}

export type Tried =
  | {
      readonly type: 'welcome';
      readonly relay: string;
      readonly relayVersion: string;
      readonly clusterUid: string;
      readonly tookMs: number;
    }
  | { readonly type: 'failed'; readonly relay: string; readonly kind: string; readonly detail: string }
  | { readonly type: 'notTried'; readonly why: string };

export function judgeLink({ live, isSilent, tried, clusterUid }: LinkFacts): Finding {
  if (live !== undefined) return judgeLive(live);
  if (isSilent) return unseen('an agent runs and does not answer: dialling in its place would end its link');
  if (tried === undefined || tried.type === 'notTried') return unseen(tried?.why ?? 'was not tried');
  if (tried.type === 'failed') return problem(tried.detail, remedyFor(tried.kind), tried.relay);
  if (clusterUid !== undefined && clusterUid !== tried.clusterUid) {
    return problem(
      `the relay speaks for the cluster ${tried.clusterUid}, and the store is of ${clusterUid}`,
      'dial a relay of the right cluster; to move the device to the other one, move agent.db away and join again',
      tried.relay,
    );
  }
  return ok(`welcomed by relay ${tried.relayVersion} in ${milliseconds(tried.tookMs)}, and left again`, tried.relay);
}

function judgeLive({ link, session }: LiveAgent): Finding {
  if (link.state === 'open') return ok(`open since ${link.since}, ${session} (the running agent says so)`, link.relay);
  const { failure } = link;
  if (failure === null)
    return unseen(`the running agent is ${link.state}, and nothing has failed yet: look again in a moment`, null, link.relay);
  const next = link.nextDial === null ? '' : `; it dials again at ${link.nextDial}`;
  return problem(`down: ${failure.detail}${next}`, remedyFor(failure.kind), link.relay);
}

/** By the kinds of `LinkFailure`. */
function remedyFor(kind: string): string {
  switch (kind) {
    case 'forbidden':
      return 'at the relay: hawser-relay devices says whether it was revoked or replaced; unrevoke it, or join again with a token';
    case 'ownCertificate':
    case 'ownCertificateEnded':
    case 'cutOff':
      return 'the relay does not take the certificate: a running agent renews one that has ended; else join again with a token';
    case 'relayCertificate':
    case 'relayNotBegun':
      return 'see "tls" and "clock" above';
    case 'proxy':
      return 'see "proxy" above';
    case 'dns':
      return 'see "dns" above';
    case 'busy':
      return 'wait: the relay has no room now, and the agent comes back by itself';
    case 'notFound':
    case 'unexpected':
      return 'something else than a relay answers there: are address and port right? A box on the way must pass WebSockets through';
    case 'silent':
    case 'ended':
    case 'dropped':
    case 'timeout':
      return 'the agent dials again by itself; if it comes back again and again, look at the logs of agent and relay';
    default:
      return 'see "tcp" above';
  }
}
