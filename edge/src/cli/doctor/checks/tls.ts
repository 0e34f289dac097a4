import type { X509Certificate } from 'node:crypto';
import { checkChain } from '@hawser/protocol';
import { humanDuration } from '../../../api/http/table/duration.ts';
import { milliseconds } from '../in-words.ts';
import { type Finding, note, ok, problem, unseen } from '../types.ts';

export interface TlsFacts {
  readonly relay: string;
  /** The name or address that the relay's certificate must be for. */
  readonly host: string;
  /** It could not be connected to: that is told elsewhere. */
  readonly isUnreachable: boolean;
  /** What the handshake failed with; undefined: it was made. */
  readonly failure: { readonly kind: string; readonly detail: string } | undefined;
  /** `TLSv1.3` */
  readonly protocol: string | undefined;
  /** What was shown, leaf first. */
  readonly certificates: readonly X509Certificate[];
  readonly tookMs: number;
  /** Whom relays are verified with. */
  readonly authorities: readonly X509Certificate[];
  readonly now: Date;
  /** The system's own list, which is never trusted here: it names strangers. */
  readonly isPublic: (certificate: X509Certificate) => boolean;
}

/** A relay's certificate that ends sooner is worth a word, in milliseconds: whoever runs the relay has to see to it. A week. */
const RELAY_SOON_MS = 7 * 24 * 3_600_000;
/** Names of the certificate that are shown where it is for others. */
const MAX_NAMES = 6;

export function judgeTls(facts: TlsFacts): Finding {
  const { relay, host, isUnreachable, failure, protocol, certificates, authorities, now } = facts;
  const [leaf, ...intermediates] = certificates;
  if (isUnreachable) return unseen('there is no connection to it', null, relay);
  if (failure !== undefined || leaf === undefined) return judgeFailure(facts);
  if (authorities.length === 0)
    return unseen(`shows ${nameOf(leaf)}; this device has not joined, so whom it trusts is not known`, null, relay);
  const verdict = checkChain({ leaf, intermediates, roots: authorities, usage: 'server', at: now, host });
  if (verdict.type === 'trusted') {
    const leftMs = leaf.validToDate.getTime() - now.getTime();
    const text = `${protocol ?? 'TLS'}, ${nameOf(leaf)}, of ${nameOf(verdict.root)}, in ${milliseconds(facts.tookMs)}`;
    if (protocol !== undefined && protocol !== 'TLSv1.3') {
      return problem(
        `speaks ${protocol}, and the link needs TLSv1.3`,
        'a box on the way is older than that, or it is no relay: let the connection through as it is',
        relay,
      );
    }
    return leftMs < RELAY_SOON_MS
      ? note(`${text}; it ends in ${humanDuration(leftMs)}`, "renew the relay's certificate", relay)
      : ok(text, relay);
  }
  switch (verdict.why) {
    case 'wrongHost':
      return problem(
        `its certificate is not for ${host}: it is for ${namesIn(leaf)}`,
        'dial it by one of these names, or add this one to the relay (its setting link.names, or the names of its certificate)',
        relay,
      );
    case 'outOfTime':
      return judgeTimes(facts, certificates);
    case 'wrongUsage':
      return problem(
        `its certificate, ${nameOf(leaf)}, is not one of a server`,
        'something else than a relay answers there: is the address right?',
        relay,
      );
    case 'untrusted':
      return judgeStranger(facts, leaf);
  }
}

/** Who answers has a chain of his own: a box that opens TLS, another server, or a relay of another authority. */
function judgeStranger({ relay, certificates, authorities, isPublic }: TlsFacts, leaf: X509Certificate): Finding {
  const top = certificates.at(-1) ?? leaf;
  const shown = `it shows ${nameOf(leaf)}, issued by ${issuerOf(top)}; this device trusts ${authorities.map(nameOf).join(', ')}`;
  if (certificates.some(isPublic)) {
    return problem(
      `somebody else answers: ${shown}, and not that public authority`,
      'is the address that of the relay? A web server or load balancer that ends TLS itself must pass it through (TCP, not HTTPS)',
      relay,
    );
  }
  return problem(
    `somebody else answers: ${shown}`,
    'a box on the way that opens TLS looks like this (its name stands there): have it leave this address alone. If that name is of your relay, its authority is a new one: join again',
    relay,
  );
}

function judgeTimes({ relay, now }: TlsFacts, certificates: readonly X509Certificate[]): Finding {
  const early = certificates.find(({ validFromDate }) => validFromDate > now);
  if (early !== undefined) {
    return problem(
      `${nameOf(early)} begins ${early.validFromDate.toISOString()}, later than this device's now`,
      'set the clock of this device',
      relay,
    );
  }
  const late = certificates.find(({ validToDate }) => validToDate < now);
  const ended = late === undefined ? 'its authority has ended' : `${nameOf(late)} has ended ${late.validToDate.toISOString()}`;
  return problem(ended, "is this device's clock right? If it is, the relay's certificate must be renewed", relay);
}

function judgeFailure({ relay, failure }: TlsFacts): Finding {
  const detail = failure?.detail ?? 'it has shown no certificate';
  switch (failure?.kind) {
    case 'ownCertificate':
    case 'ownCertificateEnded':
    case 'cutOff':
      return problem(detail, 'see "certificate" above; at the relay: hawser-relay devices', relay);
    case 'timeout':
      return problem(detail, 'something takes the connection and says nothing: a box on the way, or a relay that hangs', relay);
    default:
      return problem(detail, 'something else than a relay answers there: are address and port right?', relay);
  }
}

function nameOf({ subject }: X509Certificate): string {
  return oneLine(subject);
}

function issuerOf({ issuer }: X509Certificate): string {
  return oneLine(issuer);
}

/** Characters of a name that are shown: who answers may be anybody. */
const MAX_NAME = 120;

function oneLine(name: string | undefined): string {
  const text = (name ?? '').replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ', ').slice(0, MAX_NAME);
  return text === '' ? 'a certificate without a name' : text;
}

function namesIn({ subjectAltName }: X509Certificate): string {
  const names = (subjectAltName ?? '').split(', ').filter((name) => name !== '');
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : '';
  return names.length === 0 ? 'no name at all' : `${oneLine(names.slice(0, MAX_NAMES).join(', '))}${more}`;
}
