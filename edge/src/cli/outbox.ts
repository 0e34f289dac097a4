import { humanDuration } from '../api/http/table/duration.ts';
import type { DroppedEvents, OutboxEntry, ReadonlyStore, Refusal, WriteVerb } from '../store/index.ts';
import type { CliIo } from './io.ts';
import { withStore } from './open-store.ts';
import { inWords, nameOf } from './reports-in-words.ts';
import { alignColumns } from './table.ts';

/** Entries that are shown as a table; JSON has all, which the bound of the outbox is the bound of. */
const MAX_LISTED = 100;
/** All of them: more do not wait, see StoreLimits. */
const ALL = 1_000_000;

export interface OutboxRequest {
  readonly dataDir: string;
  readonly output: 'text' | 'json';
  /** Show what the cloud has refused, in place of what waits. JSON has both. */
  readonly refused: boolean;
}

/** What `hawser-agent outbox -o json` prints. Times are RFC 3339. */
export interface OutboxReport {
  readonly entries: readonly WaitingEntry[];
  /** Of all bodies. */
  readonly bytes: number;
  readonly droppedEvents: DroppedEvents;
  /** Newest first. */
  readonly refused: readonly RefusedEntry[];
}

interface Written {
  readonly number: number;
  readonly verb: WriteVerb;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
}

interface WaitingEntry extends Written {
  /** When the oldest write in it was made; of an Event the newest. */
  readonly since: string;
  readonly bytes: number;
}

interface RefusedEntry extends Written {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly time: string;
}

/** Prints what the device still has to tell the cloud, or what the cloud has refused. @throws CommandFailure */
export function outbox({ dataDir, output, refused }: OutboxRequest, io: CliIo): void {
  const report = withStore(dataDir, reportOn);
  if (output === 'json') io.write(`${JSON.stringify(report, null, 2)}\n`);
  else io.write(refused ? describeRefused(report) : describe(report, io.now()));
}

function reportOn(store: ReadonlyStore): OutboxReport {
  return {
    entries: store.outboxEntries(ALL).map(waiting),
    bytes: store.outboxSize().bytes,
    droppedEvents: store.droppedEvents(),
    refused: store.refusals().map(refusedEntry),
  };
}

function waiting({ number, verb, key, subresource, time, bytes }: OutboxEntry): WaitingEntry {
  return { number, verb, ...key, subresource, since: time, bytes };
}

function refusedEntry({ number, verb, key, subresource, code, reason, message, time }: Refusal): RefusedEntry {
  return { number, verb, ...key, subresource, code, reason, message, time };
}

function describe({ entries, bytes, droppedEvents, refused }: OutboxReport, now: Date): string {
  const times = entries.map(({ since }) => since).sort();
  const [oldest] = times;
  const rows: (readonly [string, string])[] = [
    [
      'Waiting:',
      oldest === undefined
        ? 'nothing'
        : `${counted(entries.length, 'report')} of ${bytes} bytes, the oldest since ${oldest} (${age(oldest, now)})`,
    ],
    ['Dropped events:', describeDropped(droppedEvents)],
    ['Refused:', refused.length === 0 ? 'none' : `the last ${refused.length}: "hawser-agent outbox --refused" shows them`],
  ];
  if (entries.length === 0) return alignColumns(rows);
  const listed = entries
    .slice(0, MAX_LISTED)
    .map((entry) => [String(entry.number), inWords(entry), nameOf(entry), age(entry.since, now), String(entry.bytes)]);
  const more = entries.length - listed.length;
  const rest = more > 0 ? `and ${more} more: "-o json" shows all\n` : '';
  return `${alignColumns(rows)}\n${alignColumns([['NUMBER', 'WHAT', 'OBJECT', 'AGE', 'BYTES'], ...listed])}${rest}`;
}

function describeRefused({ refused }: OutboxReport): string {
  if (refused.length === 0) return 'The cloud has refused nothing.\n';
  const rows = refused.map((entry) => [
    ...[String(entry.number), entry.time, inWords(entry), nameOf(entry)],
    ...[String(entry.code), oneLine(entry.reason), oneLine(entry.message)],
  ]);
  return alignColumns([['NUMBER', 'TIME', 'WHAT', 'OBJECT', 'CODE', 'REASON', 'MESSAGE'], ...rows]);
}

function describeDropped({ total, untold }: DroppedEvents): string {
  const all = total.count + total.bytes + total.age;
  if (all === 0) return 'none';
  const reasons = [
    ...(total.count > 0 ? [`${total.count} over their number`] : []),
    ...(total.bytes > 0 ? [`${total.bytes} over their bytes`] : []),
    ...(total.age > 0 ? [`${total.age} too old`] : []),
  ];
  return `${all} since the store began (${reasons.join(', ')}); ${untold === 0 ? 'the cloud was told' : `${untold} not told yet`}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function age(time: string, now: Date): string {
  return humanDuration(Math.max(0, now.getTime() - Date.parse(time)));
}

/** A message of the API server may have lines, and what else a terminal would obey. */
function oneLine(text: string): string {
  return text.replaceAll(/[\s\p{Cc}]+/gu, ' ');
}
