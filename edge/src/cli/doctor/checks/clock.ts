import { humanDuration } from '../../../api/http/table/duration.ts';
import { type Finding, note, ok, problem } from '../types.ts';

export interface ClockFacts {
  readonly nowMs: number;
  /** What the agent thinks of it, by what it has seen: `right`, `behind`, `ahead`. */
  readonly verdict: string;
  /** What relays have said that it is, less what this clock said then, in milliseconds. Undefined where none has answered. */
  readonly offsets: readonly { readonly relay: string; readonly offsetMs: number }[];
  /** Latest beginning of the certificates that the device holds: they were signed, so it has come. */
  readonly certifiedMs: number | undefined;
  /** As systemd knows it; undefined where it does not say. */
  readonly isSynchronized: boolean | undefined;
}

/** No release of Hawser is older: a clock before this was never set. In milliseconds since 1970. */
const FIRST_RELEASE_MS = Date.parse('2026-01-01T00:00:00Z');
/** Beyond this TLS and tokens go wrong, and the agent itself takes the clock for wrong, in milliseconds. */
const WRONG_MS = 10 * 60_000;
/** A Date header has whole seconds, and came over a slow link; what is beyond this is the clock's, in milliseconds. */
const OFF_MS = 10_000;

const SET_IT = 'set it: timedatectl set-ntp true, or chronyd; where no time server can be reached, date -s';

export function judgeClock({ nowMs, verdict, offsets, certifiedMs, isSynchronized }: ClockFacts): readonly Finding[] {
  const said = new Date(nowMs).toISOString();
  if (nowMs < FIRST_RELEASE_MS) return [problem(`it says ${said}: it was never set`, SET_IT)];
  if (certifiedMs !== undefined && nowMs < certifiedMs - WRONG_MS) {
    const begins = new Date(certifiedMs).toISOString();
    return [problem(`it says ${said}, and a certificate of this device was signed later, ${begins}: it is behind`, SET_IT)];
  }
  const [worst] = offsets.toSorted((a, b) => Math.abs(b.offsetMs) - Math.abs(a.offsetMs));
  if (worst !== undefined && Math.abs(worst.offsetMs) > WRONG_MS) return [problem(apart(said, worst), SET_IT)];
  if (verdict !== 'right') return [problem(`it says ${said}; the agent has found it to be ${verdict}`, SET_IT)];
  if (worst !== undefined && Math.abs(worst.offsetMs) > OFF_MS) return [note(apart(said, worst), SET_IT)];
  const unsynchronized = isSynchronized === false ? 'no time server keeps it right (NTPSynchronized=no)' : undefined;
  if (worst === undefined) {
    if (unsynchronized !== undefined)
      return [note(`it says ${said}, no relay has said otherwise, and ${unsynchronized}`, SET_IT)];
    return [
      ok(`${said}; no relay was there to compare it with${isSynchronized === true ? ', a time server keeps it right' : ''}`),
    ];
  }
  const kept =
    isSynchronized === true ? ', and a time server keeps it right' : unsynchronized === undefined ? '' : `; ${unsynchronized}`;
  return [ok(`${said}, as the relay's to some seconds${kept}`)];
}

function apart(said: string, { relay, offsetMs }: ClockFacts['offsets'][number]): string {
  return `it says ${said}, and is ${humanDuration(Math.abs(offsetMs))} ${offsetMs > 0 ? 'behind' : 'ahead of'} that of ${relay}`;
}
