import type { KeyHash } from '@hawser/protocol';
import type { DeviceVerdict } from '../enroll/index.ts';
import type { RelayIdentity } from './handshake.ts';
import type { Peer } from './identity.ts';

export const LINK_PATH = '/v1/link';
/** For agents that come before this relay has reached its API server; they also have their own backoff. */
const NOT_NOW_SECONDS = 5;
/** For agents that come when it stops: whatever spreads them over the replicas will have noticed by then. */
const STOPPING_SECONDS = 1;
/** For devices whose record somebody has broken. */
const UNREADABLE_SECONDS = 300;
/** For agents beyond the bound: another replica may have room. */
const FULL_SECONDS = 30;

/** What is known when someone asks for a WebSocket. */
export interface Arrival {
  readonly path: string;
  readonly peer: Peer;
  readonly relay: RelayIdentity | undefined;
  readonly isStopping: boolean;
  /** Asked when all before it is right. */
  readonly verdict: (node: string, key: KeyHash, issuedAt: Date) => DeviceVerdict;
  readonly sessions: { readonly count: number; has(node: string): boolean };
  readonly mostSessions: number;
}

export type Admission =
  | {
      readonly type: 'admitted';
      readonly node: string;
      readonly key: KeyHash;
      readonly issuedAt: Date;
      readonly relay: RelayIdentity;
    }
  | {
      readonly type: 'refused';
      /** For metrics and logs. */
      readonly why:
        | 'path'
        | 'certificate'
        | 'stopping'
        | 'noCluster'
        | 'full'
        | Extract<DeviceVerdict, { type: 'refused' }>['why'];
      readonly status: 403 | 404 | 503;
      readonly text: string;
      readonly retryAfterSeconds: number | undefined;
    };

/** Whether a connection becomes a link, in the order in which a caller can do something about it. */
export function admit({ path, peer, relay, isStopping, verdict, sessions, mostSessions }: Arrival): Admission {
  if (path !== LINK_PATH) return refused('path', 404, `agents open a WebSocket at ${LINK_PATH}`);
  if (peer.type === 'refused') return refused('certificate', 403, `the client certificate names no node: ${peer.why}`);
  if (isStopping) return refused('stopping', 503, 'the relay is stopping', STOPPING_SECONDS);
  if (relay === undefined) return refused('noCluster', 503, 'the relay has not reached its API server yet', NOT_NOW_SECONDS);
  const { node, key, issuedAt } = peer;
  const judged = verdict(node, key, issuedAt);
  if (judged.type === 'refused') {
    const { why, text } = judged;
    if (why === 'notSynced') return refused(why, 503, text, NOT_NOW_SECONDS);
    return why === 'unreadable' ? refused(why, 503, text, UNREADABLE_SECONDS) : refused(why, 403, text);
  }
  // A node that has a session replaces it: it takes no further place.
  if (sessions.count >= mostSessions && !sessions.has(node)) {
    return refused('full', 503, 'the relay has as many links as it may', FULL_SECONDS);
  }
  return { type: 'admitted', node, key, issuedAt, relay };
}

/** What is said to whoever gets no link. */
interface Refusal {
  readonly status: 400 | 403 | 404 | 431 | 503;
  readonly text: string;
  readonly retryAfterSeconds: number | undefined;
}

/** The whole HTTP answer that refuses an upgrade. */
export function refusalText({ status, text, retryAfterSeconds }: Refusal): string {
  const reasons = {
    400: 'Bad Request',
    403: 'Forbidden',
    404: 'Not Found',
    431: 'Request Header Fields Too Large',
    503: 'Service Unavailable',
  } as const;
  return [
    `HTTP/1.1 ${status} ${reasons[status]}`,
    'content-type: text/plain; charset=utf-8',
    `content-length: ${Buffer.byteLength(text) + 1}`,
    ...(retryAfterSeconds === undefined ? [] : [`retry-after: ${retryAfterSeconds}`]),
    'connection: close',
    '',
    `${text}\n`,
  ].join('\r\n');
}

function refused(
  why: Extract<Admission, { type: 'refused' }>['why'],
  status: 403 | 404 | 503,
  text: string,
  retryAfterSeconds?: number,
): Admission {
  return { type: 'refused', why, status, text, retryAfterSeconds };
}
