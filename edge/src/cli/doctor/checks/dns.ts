import { type Finding, note, ok, problem } from '../types.ts';

export interface NameFacts {
  readonly host: string;
  readonly isAddress: boolean;
  /** Address of the proxy, which looks it up itself. */
  readonly proxy: string | undefined;
  /** Of the system's own look-up, that the agent uses too: /etc/hosts, and what /etc/nsswitch.conf says. */
  readonly addresses: readonly string[];
  /** Its failure: `ENOTFOUND`, `EAI_AGAIN`, `timeout`. */
  readonly failure: string | undefined;
  readonly tookMs: number;
  /** What each name server of /etc/resolv.conf has said: `addresses`, `ENOTFOUND`, `ETIMEOUT`, … Asked where the look-up fails. */
  readonly servers: readonly { readonly server: string; readonly said: string }[];
}

/** A look-up that takes longer delays each dial, in milliseconds. */
const SLOW_MS = 3_000;
/** Addresses that are shown. */
const MAX_SHOWN = 4;

export function judgeName(facts: NameFacts): Finding {
  const { host, isAddress, proxy, addresses, failure, tookMs, servers } = facts;
  if (isAddress) return ok('is an address: nothing to look up', host);
  if (proxy !== undefined) return ok(`is looked up by the proxy ${proxy}`, host);
  if (failure === undefined && addresses.length > 0) {
    const more = addresses.length > MAX_SHOWN ? ` and ${addresses.length - MAX_SHOWN} more` : '';
    const text = `${addresses.slice(0, MAX_SHOWN).join(', ')}${more}, in ${Math.round(tookMs)} ms`;
    return tookMs > SLOW_MS
      ? note(text, 'a name server does not answer and the next one does: look at /etc/resolv.conf', host)
      : ok(text, host);
  }
  const said =
    servers.length === 0 ? '' : `; ${servers.map(({ server, said: word }) => `${server}: ${inWords(word)}`).join(', ')}`;
  return problem(`does not resolve (${failure ?? 'no address'})${said}`, remedyFor(facts), host);
}

function inWords(said: string): string {
  switch (said) {
    case 'addresses':
      return 'knows it';
    case 'ENOTFOUND':
    case 'ENODATA':
      return 'says that there is no such name';
    case 'ETIMEOUT':
    case 'ECONNREFUSED':
      return 'does not answer';
    case 'ESERVFAIL':
    case 'EREFUSED':
      return `does not want to say (${said})`;
    default:
      return said;
  }
}

function remedyFor({ servers, host }: NameFacts): string {
  const says = (...words: string[]) => servers.length > 0 && servers.every(({ said }) => words.includes(said));
  if (servers.length === 0) return 'there is no name server in /etc/resolv.conf: is the network up?';
  if (says('ENOTFOUND', 'ENODATA')) {
    return `is the relay's address written right? Else add ${host} to the DNS that this device uses, or a line to /etc/hosts`;
  }
  if (says('ETIMEOUT', 'ECONNREFUSED')) return 'no name server answers: is the network up, and is /etc/resolv.conf right?';
  return 'look at the name servers in /etc/resolv.conf; a line in /etc/hosts does without them';
}
