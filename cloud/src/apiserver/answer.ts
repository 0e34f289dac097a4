import { HawserError, isJsonObject, type JsonObject, type JsonValue, parseJson } from '@hawser/protocol';

/** What of a Kubernetes Status (API conventions, "Response Status Kind") is decided on; also made for answers that are none. */
export interface Failure {
  readonly code: number;
  /** `Expired`, `Forbidden`; empty when the answer names none. */
  readonly reason: string;
  /** For an operator: the server's own words, cut to some length. */
  readonly message: string;
  /** Undefined when the server did not ask for a wait. */
  readonly retryAfterMs: number | undefined;
}

const MAX_MESSAGE = 300;
/** A longer wait than this is not kept: whoever asked for it may have gone, and the relay would serve old state. */
const MAX_RETRY_AFTER_MS = 5 * 60_000;

/** The failure that an HTTP answer other than 200 tells. `now` is for a Retry-After that is a date (RFC 9110 section 10.2.3). */
export function readFailure(
  code: number,
  headers: { readonly 'retry-after'?: string | undefined },
  text: string,
  now: Date,
): Failure {
  const failure = statusFailure(parseObject(text));
  const retryAfterMs = retryAfter(headers['retry-after'], now) ?? failure?.retryAfterMs;
  // A proxy's page of HTML is not worth a line in a log.
  return { code, reason: failure?.reason ?? '', message: failure?.message || `HTTP status ${code}`, retryAfterMs };
}

/** The failure that a Status object tells, or undefined when it is none: the object of a watch's ERROR event. */
export function statusFailure(status: JsonObject | undefined): Failure | undefined {
  if (status?.kind !== 'Status') return undefined;
  const { code, reason, message, details } = status;
  const seconds = isJsonObject(details) ? details.retryAfterSeconds : undefined;
  return {
    code: typeof code === 'number' ? code : 0,
    reason: typeof reason === 'string' ? reason : '',
    message: typeof message === 'string' ? message.slice(0, MAX_MESSAGE) : '',
    retryAfterMs: typeof seconds === 'number' && seconds > 0 ? boundedWait(seconds * 1000) : undefined,
  };
}

/** Whether a 404 is the API server's word on this object: one for an unknown resource, or of something on the way, names none. */
export function saysNotFound(text: string, name: string): boolean {
  const status = parseObject(text);
  return status?.reason === 'NotFound' && isJsonObject(status.details) && status.details.name === name;
}

function retryAfter(header: string | undefined, now: Date): number | undefined {
  if (header === undefined || header.trim() === '') return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return boundedWait(seconds * 1000);
  const until = Date.parse(header);
  return Number.isNaN(until) ? undefined : boundedWait(until - now.getTime());
}

function boundedWait(milliseconds: number): number {
  return Math.min(Math.max(milliseconds, 0), MAX_RETRY_AFTER_MS);
}

/** The JSON object that the text is, or undefined. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    const value: JsonValue = parseJson(text);
    return isJsonObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** As `parseObject`. @throws HawserError `malformed_object` */
export function requireObject(text: string, what: string): JsonObject {
  const object = parseObject(text);
  if (object === undefined) throw new HawserError('malformed_object', `${what} is no JSON object`);
  return object;
}
