import type { KubeObject } from '@hawser/protocol';
import { fields, number, since, text } from './cells.ts';
import type { Column } from './column.ts';

/** Events come in the core form or in that of events.k8s.io; each cell looks for both. */
export const EVENT_COLUMNS: readonly Column[] = [
  { name: 'Last Seen', cell: (event, now) => since(lastSeen(event), now) },
  { name: 'Type', cell: (event) => text(event.type) },
  { name: 'Reason', cell: (event) => text(event.reason) },
  { name: 'Object', cell: (event) => objectText(about(event)) },
  { name: 'Subobject', wide: true, cell: (event) => text(about(event).fieldPath) },
  { name: 'Source', wide: true, cell: sourceText },
  { name: 'Message', cell: (event) => (text(event.message) || text(event.note)).trim() },
  { name: 'First Seen', wide: true, cell: (event, now) => since(firstSeen(event), now) },
  { name: 'Count', wide: true, cell: (event) => String(count(event)) },
  { name: 'Name', wide: true, cell: (event) => event.metadata.name ?? '' },
];

function about(event: KubeObject): ReturnType<typeof fields> {
  return fields(event.involvedObject ?? event.regarding);
}

function objectText(reference: ReturnType<typeof fields>): string {
  const kind = text(reference.kind).toLowerCase();
  return text(reference.name) === '' ? kind : `${kind}/${text(reference.name)}`;
}

function sourceText(event: KubeObject): string {
  const source = fields(event.source ?? event.deprecatedSource);
  const component = text(source.component) || text(event.reportingComponent) || text(event.reportingController);
  return [component, text(source.host)].filter((part) => part !== '').join(', ');
}

function series(event: KubeObject): ReturnType<typeof fields> {
  return fields(event.series);
}

function lastSeen(event: KubeObject): unknown {
  return series(event).lastObservedTime ?? event.lastTimestamp ?? event.deprecatedLastTimestamp ?? firstSeen(event);
}

function firstSeen(event: KubeObject): unknown {
  return event.firstTimestamp ?? event.deprecatedFirstTimestamp ?? event.eventTime;
}

function count(event: KubeObject): number {
  return number(series(event).count) || number(event.count) || number(event.deprecatedCount) || 1;
}
