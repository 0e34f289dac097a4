import type { BootstrapToken, KeyHash, RefusalReason } from '@hawser/protocol';
import { keyHash } from '@hawser/protocol';
import type { EnrolClient, EnrolOutcome } from './enrol-client.ts';
import type { Identity, IdentityFolder } from './types.ts';

export interface JoinRequest {
  /** `wss://HOST:PORT`, asked in turn; all of them are where the agent will link. At least one. */
  readonly relays: readonly string[];
  readonly token: BootstrapToken;
  readonly hashes: readonly KeyHash[];
  readonly nodeName: string;
  /** Take the name from the device that holds it. */
  readonly replace: boolean;
  /** Give up what this device has joined as: another name, another authority, or, with `replace`, the key of the same name. */
  readonly rejoin: boolean;
}

export type JoinResult =
  | { readonly type: 'joined'; readonly relay: string; readonly identity: Identity; readonly was: Identity | undefined }
  /** It has joined as another node, or by another authority, and was not told to give that up. */
  | { readonly type: 'joinedAsOther'; readonly identity: Identity; readonly differs: 'name' | 'authority' }
  /** For good: asking again, or another relay, changes nothing. */
  | { readonly type: 'refused'; readonly relay: string; readonly reason: RefusalReason; readonly message: string }
  /** By each relay, why not. */
  | { readonly type: 'failed'; readonly attempts: readonly JoinFailure[] };

export interface JoinFailure {
  readonly relay: string;
  /** `untrusted`: nothing was sent. `later`: it may do so later. */
  readonly kind: 'untrusted' | 'later';
  readonly detail: string;
  readonly retryAfterMs: number;
}

export interface Joining {
  readonly folder: IdentityFolder;
  readonly client: EnrolClient;
  readonly onAsking: (relay: string) => void;
  readonly onFailure: (failure: JoinFailure) => void;
}

/** What another relay, or a later hour, may answer otherwise. */
const PASSING: ReadonlySet<RefusalReason> = new Set(['tooMany', 'notNow']);

/**
 * Joins by the first relay that answers. The key is in the folder before any relay hears of it, and asked for again until its certificate
 * is there: whenever this ends, the same request goes on from there.
 * @throws HawserError `bad_config` for a folder that cannot be used; the reason of the client's signal
 */
export async function joinCluster(request: JoinRequest, { folder, client, onAsking, onFailure }: Joining): Promise<JoinResult> {
  const was = folder.read();
  const differs = was === undefined ? undefined : differenceOf(was, request);
  if (was !== undefined && differs !== undefined && !request.rejoin) return { type: 'joinedAsOther', identity: was, differs };
  // The same key again is nothing new to the relay; a new one would have to replace this very device. That is so, too, when a command
  // with `rejoin` is given again after it has succeeded: only what may replace gives up a key for another of the same name.
  const isOther = was === undefined || differs !== undefined || (request.rejoin && request.replace);
  const key = isOther ? folder.requestKey() : was.current.key;
  const attempts: JoinFailure[] = [];
  for (const relay of request.relays) {
    onAsking(relay);
    const outcome = await client.join(relay, { ...request, key });
    if (outcome.type === 'refused' && !PASSING.has(outcome.reason)) return { ...outcome, relay };
    if (outcome.type !== 'enrolled') {
      const failure = failureOf(relay, outcome);
      attempts.push(failure);
      onFailure(failure);
      continue;
    }
    const { nodeName, certificates, authorities } = outcome.device;
    folder.writeJoined({ nodeName, relays: request.relays, certificates, authorities });
    const identity = folder.read();
    if (identity !== undefined) return { type: 'joined', relay, identity, was };
  }
  return { type: 'failed', attempts };
}

function differenceOf({ nodeName, authorities }: Identity, request: JoinRequest): 'name' | 'authority' | undefined {
  if (nodeName !== request.nodeName) return 'name';
  return authorities.some(({ publicKey }) => request.hashes.includes(keyHash(publicKey))) ? undefined : 'authority';
}

function failureOf(relay: string, outcome: Exclude<EnrolOutcome, { type: 'enrolled' }>): JoinFailure {
  if (outcome.type === 'refused') return { relay, kind: 'later', detail: outcome.message, retryAfterMs: outcome.retryAfterMs };
  const { kind, detail, retryAfterMs } = outcome.failure;
  return { relay, kind: kind === 'relayCertificate' ? 'untrusted' : 'later', detail, retryAfterMs };
}
