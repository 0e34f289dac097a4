import { humanDuration } from '../../api/http/table/duration.ts';
import type { LinkFailureKind } from '../../link/index.ts';
import { bytesInWords, LOW_DISK_BYTES } from '../../ops/space.ts';
import { DEFAULT_STORE_LIMITS } from '../../store/index.ts';
import type { Concern, StatusReport } from './types.ts';

/** Of the links that fail, those that fail again until somebody does something. A network that is away is a device's ordinary life. */
const WANTS_SOMEBODY: ReadonlySet<string> = new Set<LinkFailureKind>([
  ...(['relayCertificate', 'relayNotBegun', 'cutOff', 'ownCertificate', 'ownCertificateEnded'] as const),
  ...(['proxy', 'notFound', 'forbidden', 'unexpected'] as const),
]);

/** The part of the outbox' bounds from which on it is nearly full. */
const NEARLY_FULL = 0.8;
/** A certificate with less to live than this, in seconds, should have been renewed: a link makes that in a minute. A week. */
export const CERTIFICATE_SOON_SECONDS = 7 * 24 * 3_600;

/** What wants somebody to do something. */
export function concernsOf(report: Omit<StatusReport, 'concerns'>): readonly Concern[] {
  const { running, silent, link, session, clock, kubelet, refusedObjects, store } = report;
  const concerns: Concern[] = [];
  const add = (code: Concern['code'], text: string) => concerns.push({ code, text });
  if (!running) add('notRunning', 'no agent runs: start it, "hawser-agent run" or its unit of systemd');
  if (silent !== null) add('silent', `the agent runs, and its local API does not answer: ${silent}`);
  if (running && link.state !== 'open' && link.lastFailure !== null && WANTS_SOMEBODY.has(link.lastFailure.kind)) {
    add('link', `the link is down, and waiting does not mend it: ${link.lastFailure.detail}`);
  }
  if (/nodeMissing|nodeNotLabelled/.test(session.state)) add('session', sessionInWords(session.state));
  const certificate = certificateConcern(report);
  if (certificate !== undefined) add('certificate', certificate);
  if (clock.verdict !== 'right') add('clock', `the clock of this device is ${clock.verdict}: set it`);
  if (running && kubelet !== null) {
    if (kubelet.state === 'waiting' || kubelet.state === 'blocked')
      add('kubelet', `the kubelet does not run: ${kubelet.detail ?? ''}`);
    else if (!kubelet.alive && kubelet.state !== 'clearing') add('kubelet', 'the kubelet does not renew its Lease: see its log');
  }
  const { outboxEntries, outboxBytes } = DEFAULT_STORE_LIMITS;
  if (report.outbox.entries > outboxEntries * NEARLY_FULL || report.outbox.bytes > outboxBytes * NEARLY_FULL) {
    add(
      'outbox',
      'the outbox is nearly full: what is written when it is full is refused (507), and the oldest Events go. Get the device linked',
    );
  }
  if (refusedObjects.length > 0) {
    add(
      'refusedObjects',
      `${refusedObjects.length} objects of the cloud could not be taken: see "Refused objects", and their Events`,
    );
  }
  if (store.freeBytes !== null && store.freeBytes < LOW_DISK_BYTES) {
    add('disk', `only ${bytesInWords(store.freeBytes)} of the disk are free: make room`);
  }
  return concerns;
}

function sessionInWords(state: string): string {
  return state.includes('nodeMissing')
    ? 'the cluster has no Node of this name, and nothing is sent before there is one: does the kubelet (or the hollow node) run?'
    : 'the Node lacks the label that says that it is an edge node, and nothing is sent before it has it: kubectl label node';
}

/** A renewal that was refused for good, by the words that it is told in (docs/protocol.md, "Enrolment"). */
const LOST = /\b(revoked|beyondGrace|notOurs|otherKey)\b/;

function certificateConcern({ certificate }: Omit<StatusReport, 'concerns'>): string | undefined {
  const { ends, endsInSeconds, renewal, renewsAt } = certificate;
  if (ends === null || endsInSeconds === null) return undefined;
  const why = renewal === null || renewal.startsWith('due ') ? '' : ` (${renewal})`;
  const isOwn = renewsAt === null;
  const remedy = isOwn
    ? 'renew the files that tls.cert names'
    : 'the agent renews it over the link: get it linked, or join again';
  if (endsInSeconds < 0) return `the certificate has ended ${humanDuration(-endsInSeconds * 1000)} ago${why}: ${remedy}`;
  if (renewal !== null && LOST.test(renewal))
    return `the certificate is not renewed any more: ${renewal}. Join again, with a token`;
  if (endsInSeconds > CERTIFICATE_SOON_SECONDS || !(isOwn || isOverdue(certificate))) return undefined;
  return `the certificate ends in ${humanDuration(endsInSeconds * 1000)}${why}: ${remedy}`;
}

/** Certificates may live for days only: then less than a week is nothing to speak of before its renewal is due. */
function isOverdue({ ends, endsInSeconds, renewsAt }: StatusReport['certificate']): boolean {
  if (ends === null || endsInSeconds === null || renewsAt === null) return false;
  return Date.parse(ends) - endsInSeconds * 1000 > Date.parse(renewsAt);
}
