import { badRequest, type FieldError, internal, invalid, quote } from '../status.ts';

/** The query of a list or watch; undefined or "" where the client said nothing. */
export interface ListOptions {
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** 0 or less: no limit. */
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly resourceVersionMatch?: string | undefined;
}

export interface WatchOptions extends ListOptions {
  readonly sendInitialEvents?: boolean | undefined;
  readonly allowWatchBookmarks?: boolean | undefined;
  /** Seconds; 0 or undefined for the default of 30 to 60 minutes. */
  readonly timeoutSeconds?: number | undefined;
}

const LIST_OPTIONS = { group: 'meta.k8s.io', kind: 'ListOptions' };
const FIELD = 'resourceVersionMatch';

/** @throws ApiError 422 for combinations that the API server forbids */
export function validateListOptions(options: ListOptions & { readonly sendInitialEvents?: boolean | undefined }): void {
  if (options.sendInitialEvents !== undefined) {
    throw invalid(LIST_OPTIONS, '', [forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list')]);
  }
  const match = options.resourceVersionMatch ?? '';
  if (match === '') return;
  const version = options.resourceVersion ?? '';
  const errors: FieldError[] = [];
  if (version === '') errors.push(forbiddenField(FIELD, 'resourceVersionMatch is forbidden unless resourceVersion is provided'));
  if (hasText(options.continue)) {
    errors.push(forbiddenField(FIELD, 'resourceVersionMatch is forbidden when continue is provided'));
  }
  if (match !== 'Exact' && match !== 'NotOlderThan') {
    errors.push(unsupported(match, '"Exact", "NotOlderThan", ""'));
  } else if (match === 'Exact' && version === '0') {
    errors.push(forbiddenField(FIELD, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  }
  if (errors.length > 0) throw invalid(LIST_OPTIONS, '', errors);
}

/** @throws ApiError 422 for combinations that the API server forbids */
export function validateWatchOptions(options: WatchOptions): void {
  const match = options.resourceVersionMatch ?? '';
  const errors: FieldError[] = [];
  if (options.sendInitialEvents === undefined) {
    if (match !== '') {
      errors.push(forbiddenField(FIELD, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'));
    }
  } else {
    if (match !== 'NotOlderThan') {
      errors.push(forbiddenField(FIELD, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
      if (match !== '') errors.push(unsupported(match, '"NotOlderThan"'));
    }
    if (hasText(options.continue)) {
      errors.push(forbiddenField(FIELD, 'resourceVersionMatch is forbidden when continue is provided'));
    }
  }
  if (errors.length > 0) throw invalid(LIST_OPTIONS, '', errors);
}

/**
 * A resourceVersion of a get or list as a number; 0 for "" and "0".
 * @throws ApiError 400
 */
export function parseListVersion(text: string | undefined): number {
  const problem = versionProblem(text);
  if (problem !== undefined) throw badRequest(`invalid resource version: resourceVersion: ${problem}`);
  return Number(text ?? 0);
}

/** The same of a watch, where the API server answers 500. */
export function parseWatchVersion(text: string | undefined): number {
  const problem = versionProblem(text);
  if (problem !== undefined) throw internal(`resourceVersion: ${problem}`);
  return Number(text ?? 0);
}

function versionProblem(text = ''): string | undefined {
  if (/^[0-9]*$/.test(text) && Number(text) <= Number.MAX_SAFE_INTEGER) return undefined;
  const shown = quote(text.slice(0, 100));
  const why = /^[0-9]+$/.test(text) ? 'value out of range' : 'invalid syntax';
  return `Invalid value: ${shown}: strconv.ParseUint: parsing ${shown}: ${why}`;
}

function hasText(text: string | undefined): boolean {
  return text !== undefined && text !== '';
}

function forbiddenField(field: string, why: string): FieldError {
  return { reason: 'FieldValueForbidden', field, message: `Forbidden: ${why}` };
}

function unsupported(value: string, supported: string): FieldError {
  const message = `Unsupported value: ${quote(value.slice(0, 100))}: supported values: ${supported}`;
  return { reason: 'FieldValueNotSupported', field: FIELD, message };
}
