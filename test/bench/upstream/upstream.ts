import type { BenchContext } from '../context.ts';
import type { UpstreamOptions } from '../options.ts';
import type { Figure, Report } from '../report.ts';
import { median, percentile, rounded } from '../statistics.ts';
import { type ManyFigures, measureMany } from './many.ts';
import { measureOffline, type OfflineFigures } from './offline.ts';

/** What devices have to say: through one relay to the API server, after a cut, after kills, and all at once. */
export async function measureUpstream(options: UpstreamOptions, context: BenchContext): Promise<Report> {
  const offline = await measureOffline(options.events, context);
  const many = await measureMany(options, context);
  context.say('ending');
  return {
    figures: [...throughputFigures(many), ...stormFigures(many, options), ...offlineFigures(offline, many)],
    run: {
      nodes: options.nodes,
      pods: options.pods,
      statuses: many.throughput.changes,
      stormStatuses: many.storm.changes,
      events: options.events,
      singles: options.singles,
      downSeconds: rounded(many.storm.downSeconds, 1),
      workers: options.workers,
      seed: options.seed,
      node: process.version,
    },
    notes: [
      "devices are the product's agent without its disk: store (SQLite in memory), local API, outbox, sync and link; their kubelets are the benchmark",
      'events, kills and cuts are of one real agent with its store on disk',
      'relay, API server (the embedded one of the tests) and all devices share this machine: the shares of the processor say which of them is the limit',
      'a status counts when its device has the answer, which is after the API server has it; afterwards every status is compared',
    ],
  };
}

function throughputFigures({ singles, besideFlood, throughput, relayRssMB }: ManyFigures): Figure[] {
  const { changes, seconds, used } = throughput;
  return [
    figure('statusesPerSecond', 'statuses of pods from devices to the API server, through one relay', changes / seconds, '/s', 0),
    figure('apiCallsPerStatusChange', '  calls of the API server for each', used.statusCalls / changes, '', 3),
    figure('relayCpuMsPerStatus', '  processor time for each: relay', used.relayMs / changes, 'ms', 3),
    figure('apiServerCpuMsPerStatus', '    API server', used.apiServerMs / changes, 'ms', 3),
    figure('agentsCpuMsPerStatus', '    devices', used.agentsMs / changes, 'ms', 3),
    figure('relayRssMB', '  relay, VmRSS after them', relayRssMB, 'MB', 1),
    figure('statusP50Ms', 'one status, with nothing else going on: median', median(singles), 'ms', 1),
    figure('statusP99Ms', '  99th percentile', percentile(singles, 0.99), 'ms', 1),
    figure('statusBesideFloodP50Ms', '  beside a device that writes as fast as it can: median', median(besideFlood), 'ms', 1),
    figure('statusBesideFloodP99Ms', '    99th percentile', percentile(besideFlood, 0.99), 'ms', 1),
  ];
}

function stormFigures({ storm, wrongStatuses, refused, unavailable }: ManyFigures, { nodes, pods }: UpstreamOptions): Figure[] {
  const { changes, used } = storm;
  const cpuMs = used.relayMs + used.apiServerMs + used.agentsMs;
  return [
    figure('storm2000Seconds', `${nodes} devices back after the relay was killed, ${pods} statuses each`, storm.seconds, 's', 1),
    figure('stormBackSeconds', '  until all were linked', storm.backSeconds, 's', 1),
    figure('stormStatusesPerSecond', '  statuses a second', changes / storm.seconds, '/s', 0),
    figure('stormApiCallsPerStatusChange', '  calls of the API server for each', used.statusCalls / changes, '', 3),
    figure('stormPeakCallsPerSecond', '  calls of the relay in the busiest second', storm.peakCallsPerSecond, '/s', 0),
    figure('stormMeanCallsPerSecond', '    in all, each second', storm.meanCallsPerSecond, '/s', 0),
    figure('stormDropped', '  links lost by devices that were back', storm.lost, '', 0, 0),
    figure('stormRelayPeakMB', '  relay, most memory', storm.relayPeakMB, 'MB', 1),
    figure(
      'stormRelayCpuMsPerStatus',
      '  processor time of the relay for each status, its start included',
      used.relayMs / changes,
      'ms',
      3,
    ),
    figure('stormApiServerCpuShare', '  share of the API server in the processor time', (100 * used.apiServerMs) / cpuMs, '%', 0),
    figure('stormRelayCpuShare', '    relay', (100 * used.relayMs) / cpuMs, '%', 0),
    figure('stormAgentsCpuShare', '    devices', (100 * used.agentsMs) / cpuMs, '%', 0),
    figure('wrongStatuses', 'pods whose status at the end is not what their device says', wrongStatuses, '', 0, 0),
    figure('reportsRefused', 'reports that were refused for good', refused, '', 0, 0),
    figure('reportsUnavailable', 'reports that were answered "not now"', unavailable, '', 0),
  ];
}

function offlineFigures(offline: OfflineFigures, many: ManyFigures): Figure[] {
  return [
    figure('offlineEventsMade', 'Events made on a device while it was offline', offline.made, '', 0),
    figure('offlineEventsKept', '  of these on the device, after it was killed twice', offline.kept, '', 0),
    figure('offlineEventsDelivered', '  of these in the API server, after kills and cuts', offline.delivered, '', 0),
    figure('offlineStatusesWrong', '  pods whose status is not the last one', offline.pods - offline.statusesRight, '', 0, 0),
    figure('offlinePodsLeft', '  ended pods that are still there', offline.podsEnded - offline.podsGone, '', 0, 0),
    figure('offlineOutboxEntries', '  entries of the outbox for all of it', offline.outboxEntries, '', 0),
    figure('offlineDeliverySeconds', '  from the return of the link to the last of it', offline.seconds, 's', 1),
    figure(
      'duplicateEffects',
      'changes in the API server that no change on a device explains',
      offline.duplicates + many.duplicates,
      '',
      0,
      0,
    ),
  ];
}

function figure(name: string, about: string, value: number, unit: string, decimals: number, atMost?: number): Figure {
  return { name, about, value: rounded(value, decimals), unit, atMost };
}
