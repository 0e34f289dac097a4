import type { KeyObject, X509Certificate } from 'node:crypto';
import { checkChain } from '@hawser/protocol';
import { humanDuration } from '../../../api/http/table/duration.ts';
import { renewalTimes } from '../../../enroll/renewal-times.ts';
import { problemOf } from '../in-words.ts';
import { type Finding, note, ok, problem, unseen } from '../types.ts';

export interface CertificateFacts {
  /** What the agent would say when it starts: no identity, files that others may read, a key that does not match. */
  readonly refused: string | undefined;
  readonly identity:
    | {
        readonly nodeName: string;
        /** Leaf first. */
        readonly certificates: readonly X509Certificate[];
        readonly key: KeyObject;
        readonly authorities: readonly X509Certificate[];
        /** Whether the agent renews it; an operator's own files are not. */
        readonly isRenewed: boolean;
        /** What the running or last agent says of its renewal. */
        readonly renewal: string | null;
      }
    | undefined;
  readonly now: Date;
  /** This user may not look into the data folder, which is told elsewhere: what is refused may be so for this user alone. */
  readonly isHidden: boolean;
}

/** An operator's own certificate with less to live than this wants to be renewed by hand, in milliseconds. Two weeks. */
const OWN_SOON_MS = 14 * 24 * 3_600_000;
const REJOIN =
  'join again: hawser-agent join wss://RELAY:PORT --token ID.SECRET --ca-hash sha256:HEX, as "hawser-relay token create" prints it';

export function judgeCertificate({ refused, identity, now, isHidden }: CertificateFacts): readonly Finding[] {
  if (refused !== undefined && isHidden) return [unseen(refused)];
  if (refused !== undefined) return [problemOf(refused, 'the agent does not start before this is mended')];
  if (identity === undefined) return [];
  const { nodeName, certificates, key, authorities, isRenewed, renewal } = identity;
  const [leaf, ...between] = certificates;
  if (leaf === undefined) return [problem('there is no certificate', REJOIN)];
  const remedy = isRenewed ? REJOIN : 'put the right files where tls.cert, tls.key and tls.ca say';
  if (!leaf.checkPrivateKey(key)) return [problem(`the key is not that of the certificate of ${nodeName}`, remedy)];
  const times = renewalTimes(leaf);
  const leftMs = times.endsMs - now.getTime();
  const ends = `${nodeName}, ends ${leaf.validToDate.toISOString()}`;
  if (leftMs < 0) return [problem(`${ends}: it has ended ${humanDuration(-leftMs)} ago`, endedRemedy(isRenewed, renewal))];
  if (times.beginsMs > now.getTime()) {
    return [problem(`${nodeName} begins ${leaf.validFromDate.toISOString()}, later than now`, 'set the clock of this device')];
  }
  const verdict = checkChain({ leaf, intermediates: between, roots: authorities, usage: 'client', at: now });
  const findings: Finding[] = [];
  if (verdict.type === 'refused' && verdict.why === 'wrongUsage') {
    return [problem(`the certificate of ${nodeName} is none of a client`, remedy)];
  }
  // Relays may verify devices with another authority than they show themselves; then this says nothing.
  const isOurs = verdict.type === 'trusted' ? ', of the authority that relays are verified with' : '';
  if (!isRenewed && leftMs < OWN_SOON_MS) {
    findings.push(
      problem(
        `${ends}, in ${humanDuration(leftMs)}`,
        'renew the files of tls.cert and tls.key: they are yours, the agent does not',
      ),
    );
  } else if (isRenewed && now.getTime() > times.redialMs) {
    const why = renewal === null ? '' : ` (${renewal})`;
    findings.push(
      problem(
        `${ends}, in ${humanDuration(leftMs)}, and was not renewed${why}`,
        'get the device linked; once it has ended, join again',
      ),
    );
  } else if (isRenewed && now.getTime() > times.renewMs) {
    findings.push(note(`${ends}, in ${humanDuration(leftMs)}; its renewal is due${renewal === null ? '' : ` (${renewal})`}`));
  } else {
    const renews = isRenewed ? `, renewed from ${new Date(times.renewMs).toISOString()}` : ', renewed by you';
    findings.push(ok(`${ends}, in ${humanDuration(leftMs)}${renews}${isOurs}`));
  }
  const ended = authorities.filter(({ validToDate }) => validToDate < now);
  if (authorities.length > 0 && ended.length === authorities.length) {
    findings.push(
      problem(
        'all authorities that relays are verified with have ended',
        isRenewed ? REJOIN : 'put the new authority into the file of tls.ca',
      ),
    );
  }
  return findings;
}

function endedRemedy(isRenewed: boolean, renewal: string | null): string {
  if (!isRenewed) return 'renew the files of tls.cert and tls.key: they are yours, the agent does not';
  const why = renewal === null || renewal.startsWith('due ') ? '' : ` It says: ${renewal}.`;
  return `a running agent asks for another by itself; where it is refused, join again with a token.${why}`;
}
