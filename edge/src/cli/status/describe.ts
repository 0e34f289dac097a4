import { humanDuration } from '../../api/http/table/duration.ts';
import { bytesInWords } from '../../ops/space.ts';
import { alignColumns } from '../table.ts';
import type { StatusReport } from './types.ts';

type Row = readonly [string, string];

/** The report as people read it. */
export function describe(report: StatusReport, now: Date): string {
  const { outbox, store, session } = report;
  const unlisted = outbox.entries - outbox.oldest.length;
  const past = report.running ? '' : ' (of its last run)';
  const rows: Row[] = [
    ...listed(
      'Attention',
      report.concerns.map(({ text }) => text),
    ),
    ['Agent', agentInWords(report)],
    ['Version', report.version ?? 'unknown'],
    ...(report.logLevel === null ? [] : [['Log level', report.logLevel] as const]),
    ['Node', report.node ?? 'unknown'],
    // An agent with a certificate of its own (tls.cert) goes on with that.
    ...(report.joinedAs === null || report.joinedAs === report.node
      ? []
      : [['', `joined as ${report.joinedAs}: without tls.cert the agent takes that name when it starts next`] as const]),
    ['Workload', report.workload === 'hollow' ? 'hollow: simulated, nothing really runs' : (report.workload ?? 'unknown')],
    ...kubeletRows(report, past),
    ['Local API', `${report.localApi ?? 'none'}${past}`],
    ['Cluster', report.cluster ?? 'none yet'],
    ...linkRows(report, now),
    ...certificateRows(report),
    ['Session', `${session.state}${session.since === null ? '' : ` since ${session.since}`}${past}`],
    ['Last sync', lastSyncInWords(report)],
    ['Objects', setInWords(report)],
    [
      'Served',
      Object.entries(report.served)
        .map(([resource, count]) => `${resource} ${count}`)
        .join(', ') || 'nothing',
    ],
    ['Outbox', outboxInWords(report, now)],
    ...outbox.oldest.map((entry) => ['', entry] as const),
    ...(unlisted > 0 ? [['', `and ${unlisted} more: see "hawser-agent outbox"`] as const] : []),
    ...listed('Refused reports', report.refusedReports),
    ...listed('Refused objects', report.refusedObjects),
    [
      'Store',
      `${store.path}, ${bytesInWords(store.bytes)} and a log of ${bytesInWords(store.logBytes)}, revision ${store.revision}`,
    ],
    ...(store.freeBytes === null || store.diskBytes === null
      ? []
      : [['Disk', `${bytesInWords(store.freeBytes)} free of ${bytesInWords(store.diskBytes)}`] as const]),
    ['Sealed', store.seal ?? 'nothing'],
  ];
  return alignColumns(rows.map(([name, value]) => [name === '' ? '' : `${name}:`, value]));
}

function agentInWords({ running, startedAt, silent }: StatusReport): string {
  if (!running) return 'not running';
  return `running since ${startedAt ?? '?'}${silent === null ? '' : ', and does not answer: this is what it has left in its store'}`;
}

function linkRows({ link, running }: StatusReport, now: Date): readonly Row[] {
  const { state, phase, relay, since, detail, nextDial, lastOpen, lastFailure } = link;
  const parts = [state, relay, since === null ? null : `since ${since}`, running ? null : '(the agent does not run)'];
  const next = nextInWords(phase, nextDial, now);
  const opened = state === 'down' && lastOpen !== null ? `last open ${ago(lastOpen, now)}` : null;
  const failed =
    state === 'open' && lastFailure !== null ? `failed last ${ago(lastFailure.time, now)}: ${lastFailure.detail}` : null;
  return [
    ['Link', parts.filter((part) => part !== null).join(' ')],
    ...[detail, next, opened, failed].filter((line) => line !== null).map((line) => ['', line] as const),
  ];
}

function nextInWords(phase: string | null, nextDial: string | null, now: Date): string | null {
  if (phase === 'dialling' || phase === 'greeting') return 'being dialled now';
  if (nextDial === null) return null;
  return `dialled again in ${humanDuration(Math.max(0, Date.parse(nextDial) - now.getTime()))}`;
}

function ago(time: string, now: Date): string {
  return `${humanDuration(Math.max(0, now.getTime() - Date.parse(time)))} ago (${time})`;
}

function lastSyncInWords({ lastSync, lastSyncAgeSeconds, set }: StatusReport): string {
  if (lastSync === null) return 'never';
  return `${lastSync} (${humanDuration((lastSyncAgeSeconds ?? 0) * 1000)} ago${set.inSync ? ', and in sync since' : ''})`;
}

function setInWords({ set }: StatusReport): string {
  const sync = set.inSync ? `in sync since ${set.since ?? '?'}` : 'not in sync now';
  return `${set.objects} from the cloud, ${sync}, digest ${set.digest}`;
}

function outboxInWords({ outbox }: StatusReport, now: Date): string {
  const { entries, bytes, oldestSince, held } = outbox;
  if (entries === 0) return 'empty';
  const oldest =
    oldestSince === null ? '' : `, the oldest for ${humanDuration(Math.max(0, now.getTime() - Date.parse(oldestSince)))}`;
  const blocked = held === null || held === 0 ? '' : `, ${held} that the cloud could not take now`;
  return `${entries} waiting for the cloud, ${bytesInWords(bytes)}${oldest}${blocked}`;
}

function kubeletRows({ kubelet }: StatusReport, past: string): readonly Row[] {
  if (kubelet === null) return [];
  const { state, since, version, detail, alive, lastLines } = kubelet;
  const lease = alive ? 'alive' : 'silent: it does not renew its Lease';
  const parts = [state, version, since === null ? null : `since ${since}`, past === '' ? lease : null];
  return [
    ['Kubelet', `${parts.filter((part) => part !== null).join(', ')}${past}`],
    ...(detail === null ? [] : [['', detail] as const]),
    ...lastLines.map((line) => ['', line] as const),
  ];
}

function certificateRows({ certificate, clock }: StatusReport): readonly Row[] {
  const { ends, endsInSeconds, renewal, renewed, authorities } = certificate;
  const since = renewed === null ? '' : `, last renewed ${renewed}`;
  return [
    ...(ends === null || endsInSeconds === null ? [] : [['Certificate', `${endInWords(ends, endsInSeconds)}${since}`] as const]),
    ...(renewal === null ? [] : [['Renewal', renewal] as const]),
    ...listed('Authorities', authorities),
    ...(clock.verdict === 'right' ? [] : [['Clock', `wrong: it is ${clock.verdict} (${clock.said ?? '?'})`] as const]),
  ];
}

function endInWords(ends: string, seconds: number): string {
  return seconds < 0
    ? `has ended ${ends}, ${humanDuration(-seconds * 1000)} ago`
    : `ends ${ends}, in ${humanDuration(seconds * 1000)}`;
}

function listed(name: string, entries: readonly string[]): Row[] {
  return entries.map((entry, index) => [index === 0 ? name : '', entry]);
}
