import { HawserError, isNodeName } from '@hawser/protocol';
import { Option } from 'commander';
import { ADMIN_PATHS, NodeReport } from '../admin/index.ts';
import type { DeviceReport } from '../enroll/index.ts';
import type { NodeLease } from '../replicas/index.ts';
import { alignColumns } from './columns.ts';
import { shown } from './fleet/ask.ts';
import { addFleet, asFleet, askAll, FLEET_HELP, troubleOf } from './fleet/fleet.ts';
import { recorded } from './fleet/recorded.ts';
import { type Row, rowsOf } from './fleet/rows.ts';
import { bytesInWords, spanInWords } from './fleet/spans.ts';
import type { CommandGroup } from './io.ts';

const HELP = `
One node: its session and where it is, what its device should hold and holds, what differs and why, what it could not take, and what its
agent says of itself, which is asked for this: what it has still to tell, how it is, and its clock. Without a session: since when, the
last replica, and the record of the device.

Examples:
  hawser-relay node truck-17
  hawser-relay node truck-17 -o json | jq .report.device.outbox
${FLEET_HELP}`;

/** What `-o json` prints; null is what nobody knows. */
interface Found {
  readonly node: string;
  /** As `hawser-relay nodes` has it. */
  readonly row: Row | null;
  /** Of the replica that has the session. */
  readonly report: NodeReport | null;
  readonly lease: NodeLease | null;
  readonly device: DeviceReport | null;
}

/** `hawser-relay node NAME` */
export const nodeCommand: CommandGroup = (program, io) => {
  const command = program
    .command('node')
    .description('tell of one node: session, objects, refusals, outbox')
    .argument('<node>', 'name of the Node')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP);
  addFleet(command).action((node: string, { output }: { output: string }) =>
    asFleet(command, io, async (fleet) => {
      if (!isNodeName(node)) throw new HawserError('bad_config', `${JSON.stringify(node)} cannot be the name of a Node`);
      const [places, known] = await Promise.all([fleet.places(), recorded(fleet.administrator)]);
      const said = await askAll(fleet, places, { path: `${ADMIN_PATHS.nodes}/${node}` }, NodeReport);
      const reports = said.flatMap(({ answer }) => (answer.type === 'answer' ? [answer.value] : []));
      const failed = said.flatMap(({ place, answer }) =>
        answer.type === 'failed' && answer.code !== 404 ? [{ place, why: answer.why }] : [],
      );
      const away = new Set(failed.map(({ place }) => place.replica));
      const found = foundOf(node, reports, known, (replica) => away.has(replica) || !fleet.isWhole);
      const troubles = failed.map(({ place, why }) => troubleOf(place, why));
      if (found.row === null) {
        const why =
          troubles.length > 0 ? 'no replica that answers knows of it' : 'no replica, Lease or record of a device knows of it';
        return [`${node}: ${why}`, ...troubles, ...known.troubles];
      }
      io.write(output === 'json' ? `${JSON.stringify(found, null, 2)}\n` : inWords(found, new Date()));
      return [...troubles, ...known.troubles];
    }),
  );
};

function foundOf(
  node: string,
  reports: readonly NodeReport[],
  known: { readonly leases: readonly NodeLease[]; readonly devices: readonly DeviceReport[] },
  silent: (replica: string) => boolean,
): Found {
  const leases = known.leases.filter((lease) => lease.node === node);
  const devices = known.devices.filter((device) => device.node === node);
  const answered = reports.map(({ replica, session }) => ({ replica, sessions: [session] }));
  const [row = null] = rowsOf({ answered, silent, leases, devices });
  // While it moves two have it: the newer one is its own.
  const [report = null] = reports.toSorted((a, b) => (a.session.since > b.session.since ? -1 : 1));
  return { node, row, report, lease: leases[0] ?? null, device: devices[0] ?? null };
}

/** Lines of a label and what stands for it. */
type Line = readonly [string, string];

function inWords({ node, row, report, lease, device }: Found, now: Date): string {
  const ago = (time: string | null) => (time === null ? '-' : `${spanInWords(now.getTime() - Date.parse(time))} ago (${time})`);
  const session: Line[] =
    row === null
      ? []
      : [
          ['Node', node],
          ['State', row.detail === '' ? row.state : `${row.state}: ${row.detail}`],
          ['Since', ago(row.since)],
          ['Replica', row.replica ?? '-'],
          ['Agent', row.agentVersion ?? '-'],
        ];
  const record: Line[] =
    device === null
      ? [['Device', 'no record: its certificate is of an authority of your own, or it has not joined']]
      : [
          ['Device', `${device.state}, joined ${ago(device.enrolledAt)}`],
          ['Certificate', `ends ${device.validTo ?? '-'}`],
        ];
  const last: Line[] =
    report !== null || lease === null
      ? []
      : [
          ['Last session', `number ${lease.epoch}, taken ${lease.acquireTime || '-'} by ${lease.holder || '-'}`],
          ['Link', `${lease.linkState} since ${lease.linkStateSince || '-'}`],
          ['Store', lease.storeId || '-'],
        ];
  return [
    block([...session, ...(report === null ? [] : linkLines(report, ago)), ...last, ...record]),
    ...(report === null ? [] : [objectLines(report), refusalLines(report), deviceLines(report, now)]),
  ].join('\n');
}

function linkLines({ session }: NodeReport, ago: (time: string | null) => string): readonly Line[] {
  return [
    ['Lag', session.lagMs === 0 ? 'none' : spanInWords(session.lagMs)],
    ['Sent', `${bytesInWords(session.sentBytes)}, received ${bytesInWords(session.receivedBytes)}`],
    ['Under way', `${session.inflightBatches} batches, ${bytesInWords(session.inflightBytes)}`],
    ['Last ack', ago(session.lastAck)],
    ['Dialled from', session.remote],
    ['Key', `${session.key}, certificate of the link ends ${session.certificateEnd ?? '-'}`],
    ['Store', session.storeId],
    ['Epoch', String(session.epoch)],
  ];
}

function objectLines({ objects }: NodeReport): string {
  const rows = objects.resources.map(({ resource, desired, known, differing }) =>
    [resource, desired, known, differing].map(String),
  );
  const table = rows.length === 0 ? 'Objects: none\n' : alignColumns([['OBJECTS', 'DESIRED', 'KNOWN', 'DIFFERING'], ...rows]);
  const differing = objects.differing.map(({ key, why, detail }) => [key, detail === '' ? why : `${why}: ${detail}`].map(shown));
  const list = differing.length === 0 ? '' : `\n${alignColumns([['DIFFERS', 'WHY'], ...differing])}`;
  return `${table}${list}${objects.more === 0 ? '' : `and ${objects.more} more\n`}`;
}

function refusalLines({ refusals }: NodeReport): string {
  if (refusals.length === 0) return 'Refused in this session: nothing\n';
  const rows = refusals.map(({ at, key, reason, detail }) => [key, at, reason, detail].map(shown));
  return alignColumns([['REFUSED', 'AT', 'REASON', 'DETAIL'], ...rows]);
}

function deviceLines({ device }: NodeReport, now: Date): string {
  if ('untold' in device) return `The device has not said how it is: ${shown(device.untold)}\n`;
  const { outbox } = device;
  const off = Date.parse(device.time) - now.getTime();
  const lines: Line[] = [
    ['Clock', `${device.time}${Math.abs(off) < 2_000 ? '' : `, ${spanInWords(Math.abs(off))} ${off > 0 ? 'ahead' : 'behind'}`}`],
    ['Last sync', device.lastSync ?? 'never'],
    ['Agent since', device.startedAt ?? '-'],
    [
      'Workload',
      [device.workload, device.kubelet]
        .filter((word) => word !== '')
        .map(shown)
        .join(', ') || '-',
    ],
    [
      'Store',
      `${bytesInWords(device.storeBytes)}, ${device.freeBytes === null ? 'free space not known' : `${bytesInWords(device.freeBytes)} free`}`,
    ],
    [
      'Outbox',
      outbox.entries === 0
        ? 'empty'
        : `${outbox.entries} entries, ${bytesInWords(outbox.bytes)}, the oldest of ${spanInWords(outbox.oldestAgeMs)} ago`,
    ],
    ...outbox.byResource.map(({ resource, entries }): Line => ['', `${shown(resource)}: ${entries}`]),
    ['Dropped', `${outbox.droppedEvents} Events; ${outbox.refusedReports} refused reports are remembered`],
  ];
  const blocked = outbox.blocked.map(({ key, why, ageMs }) => [key, spanInWords(ageMs), why].map(shown));
  return `${block(lines)}${blocked.length === 0 ? '' : `\n${alignColumns([['WAITS', 'FOR', 'WHY'], ...blocked])}`}`;
}

function block(lines: readonly Line[]): string {
  const width = Math.max(0, ...lines.map(([label]) => label.length)) + 1;
  return lines.map(([label, text]) => `${(label === '' ? '' : `${label}:`).padEnd(width)}  ${shown(text)}\n`).join('');
}
