import type { Report } from '@hawser/protocol';
import { isEvent } from './report-lane.ts';

export type ReportClass = 'status' | 'event' | 'removal' | 'registration' | 'other';

/** What kind of news a report is, for metrics. */
export function classOf({ resource, subresource, operation }: Report): ReportClass {
  if (isEvent(resource)) return 'event';
  if (operation.type === 'remove') return 'removal';
  if (operation.type === 'create' && resource === 'nodes') return 'registration';
  return subresource === 'status' ? 'status' : 'other';
}
