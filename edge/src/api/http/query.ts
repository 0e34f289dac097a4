import { fieldsOf } from '../fields.ts';
import type { ListOptions, WatchOptions } from '../registry/list-options.ts';
import type { DeleteOptions, WriteOptions } from '../registry/options.ts';
import { badRequest, type FieldError, invalid, quote } from '../status.ts';
import { isTrue } from './path.ts';

/** @throws ApiError 400 */
export function listOptions(query: URLSearchParams): WatchOptions {
  const options = {
    labelSelector: query.get('labelSelector') ?? undefined,
    fieldSelector: query.get('fieldSelector') ?? undefined,
    limit: integer(query.get('limit')),
    continue: query.get('continue') ?? undefined,
    resourceVersion: query.get('resourceVersion') ?? undefined,
    resourceVersionMatch: query.get('resourceVersionMatch') ?? undefined,
    timeoutSeconds: integer(query.get('timeoutSeconds')),
    allowWatchBookmarks: isTrue(query.get('allowWatchBookmarks')),
  };
  const sendInitialEvents = query.get('sendInitialEvents');
  return sendInitialEvents === null ? options : { ...options, sendInitialEvents: isTrue(sendInitialEvents) };
}

/** How long the client says that it waits, in milliseconds; undefined where it does not. @throws ApiError 400 */
export function timeoutMs(query: URLSearchParams): number | undefined {
  const text = query.get('timeout') ?? '';
  if (text === '' || text === '0') return undefined;
  const milliseconds = goDurationMs(text);
  if (milliseconds === undefined) {
    throw badRequest(`invalid timeout specified in the request URL - time: invalid duration ${quote(text.slice(0, 100))}`);
  }
  return milliseconds === 0 ? undefined : milliseconds;
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `1m30s`, `1.5h`, as Go writes durations, without signs; undefined for anything else. */
function goDurationMs(text: string): number | undefined {
  if (!/^(?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:ms|s|m|h)){1,4}$/.test(text)) return undefined;
  let sum = 0;
  for (const [, count, unit = ''] of text.matchAll(/([0-9.]+)([a-z]+)/g)) sum += Number(count) * (UNITS_MS[unit] ?? 0);
  return Math.ceil(sum);
}

export function selectorOptions(query: URLSearchParams): ListOptions {
  return {
    labelSelector: query.get('labelSelector') ?? undefined,
    fieldSelector: query.get('fieldSelector') ?? undefined,
  };
}

export type WriteKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'DeleteOptions';

/** @throws ApiError 422 for values that the API server does not know */
export function writeOptions(query: URLSearchParams, kind: WriteKind): WriteOptions {
  const errors: FieldError[] = [];
  const dryRun = query.getAll('dryRun').filter((value) => value !== '');
  if (dryRun.some((value) => value !== 'All')) {
    const shown = `[${dryRun.map((value) => quote(value.slice(0, 100))).join(',')}]`;
    errors.push(notSupported('dryRun', shown, '"All"'));
  }
  const fieldValidation = query.get('fieldValidation') ?? '';
  if (kind !== 'DeleteOptions' && !['', 'Ignore', 'Strict', 'Warn'].includes(fieldValidation)) {
    errors.push(notSupported('fieldValidation', quote(fieldValidation.slice(0, 100)), '"", "Ignore", "Strict", "Warn"'));
  }
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind }, '', errors);
  return { dryRun: dryRun.length > 0 };
}

/** DeleteOptions from query and body; the body's win. @throws ApiError 400, 422 */
export function deleteOptions(query: URLSearchParams, body: unknown): DeleteOptions {
  const sent = fieldsOf(body);
  const preconditions = fieldsOf(sent.preconditions);
  const propagationPolicy = text(sent.propagationPolicy) ?? query.get('propagationPolicy') ?? undefined;
  if (propagationPolicy !== undefined && !['Foreground', 'Background', 'Orphan'].includes(propagationPolicy)) {
    const error = notSupported(
      'propagationPolicy',
      quote(propagationPolicy.slice(0, 100)),
      '"Foreground", "Background", "Orphan", "nil"',
    );
    throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', [error]);
  }
  const bodyDryRun = Array.isArray(sent.dryRun) && sent.dryRun.includes('All');
  return {
    dryRun: writeOptions(query, 'DeleteOptions').dryRun || bodyDryRun,
    gracePeriodSeconds: wholeNumber(sent.gracePeriodSeconds) ?? integer(query.get('gracePeriodSeconds')),
    preconditions: { uid: text(preconditions.uid), resourceVersion: text(preconditions.resourceVersion) },
    propagationPolicy,
  };
}

/** @throws ApiError 400 for what is no whole number */
function integer(value: string | null): number | undefined {
  if (value === null || value === '') return undefined;
  const shown = quote(value.slice(0, 100));
  if (!/^[-+]?[0-9]+$/.test(value)) throw badRequest(`strconv.ParseInt: parsing ${shown}: invalid syntax`);
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw badRequest(`strconv.ParseInt: parsing ${shown}: value out of range`);
  return number;
}

function notSupported(field: string, shown: string, supported: string): FieldError {
  return { reason: 'FieldValueNotSupported', field, message: `Unsupported value: ${shown}: supported values: ${supported}` };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function wholeNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}
