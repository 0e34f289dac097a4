import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '@hawser/protocol';

/** What the API server said, as far as an outcome depends on it. */
export type Answer =
  | { readonly type: 'object'; readonly object: ReadObject }
  /** A Status of success, with the uid of what it is about where it names one. */
  | { readonly type: 'success'; readonly uid: string | undefined }
  | { readonly type: 'alreadyExists'; readonly status: Failure }
  | { readonly type: 'conflict'; readonly status: Failure }
  | { readonly type: 'forbidden'; readonly status: Failure }
  | { readonly type: 'refused'; readonly status: Failure }
  /** The relay's own rights or credentials do not do: no answer to the node's request. */
  | { readonly type: 'relayRefused'; readonly code: 401 | 403; readonly message: string }
  /** `code` is the HTTP status; undefined where no answer came. */
  | {
      readonly type: 'unavailable';
      readonly code: number | undefined;
      readonly message: string;
      readonly retryAfterMs: number | undefined;
    };

export interface Failure {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
}

export interface ReadObject {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly name: string;
  readonly labels: JsonObject;
  readonly annotations: JsonObject;
  /** All of it, as it came. */
  readonly body: JsonObject;
  /** It is still there after a delete: finalizers or a grace period hold it. */
  readonly isHeld: boolean;
}

/** An API server that asks for more is down for longer than any single answer should decide. */
const MAX_RETRY_AFTER_MS = 5 * 60_000;
/** Of the API server's words, so much goes to the device; in characters. */
const MAX_MESSAGE = 1024;

export interface HttpAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly text: string;
}

/**
 * Reads an HTTP answer of the API server (Kubernetes API conventions, "HTTP Status codes" and "Response Status Kind").
 * An answer that says neither object nor Status is never taken for either.
 * @param now without it a Retry-After that is a date is not read
 */
export function readAnswer({ status, retryAfter, text }: HttpAnswer, now?: Date): Answer {
  const body = parse(text);
  if (status >= 200 && status < 300) return readSuccess(body, status);
  const failure: Failure = {
    code: status,
    reason: stringOf(body?.reason) ?? '',
    message: (stringOf(body?.message) ?? `the API server answered ${status}`).slice(0, MAX_MESSAGE),
  };
  if (status === 401 || saysNoImpersonation(failure.message)) {
    return { type: 'relayRefused', code: status === 401 ? 401 : 403, message: failure.message };
  }
  // What a proxy or load balancer says is nobody's answer; the API server itself has one text of its own, for a group it lacks.
  const isOfApiServer = body?.kind === 'Status' || text.trim() === '404 page not found';
  if (!isOfApiServer || status === 408 || status === 429 || status >= 500) {
    return { type: 'unavailable', code: status, message: failure.message, retryAfterMs: readRetryAfter(retryAfter, now) };
  }
  if (status === 403) return { type: 'forbidden', status: failure };
  if (status === 409) return { type: failure.reason === 'AlreadyExists' ? 'alreadyExists' : 'conflict', status: failure };
  return { type: 'refused', status: failure };
}

/** Of either form: what the caller lacks, not the user that it wants to be. */
export function saysNoImpersonation(message: string): boolean {
  return message.includes('cannot impersonate');
}

/** Retry-After, RFC 9110, 10.2.3: whole seconds, as the API server gives it, or a date, as a load balancer may. */
export function readRetryAfter(text: string | undefined, now: Date | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Math.min(Number(text) * 1000, MAX_RETRY_AFTER_MS);
  if (now === undefined || !HTTP_DATE.test(text)) return undefined;
  const waitMs = Date.parse(text) - now.getTime();
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(waitMs, 0), MAX_RETRY_AFTER_MS);
}

/** The one form of a date that is sent (RFC 9110, 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT". */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

function readSuccess(body: JsonObject | undefined, code: number): Answer {
  if (body?.kind === 'Status') {
    const details = body.details;
    return { type: 'success', uid: isJsonObject(details) ? stringOf(details.uid) : undefined };
  }
  const metadata = body?.metadata;
  if (body !== undefined && isJsonObject(metadata)) {
    const uid = stringOf(metadata.uid);
    const resourceVersion = stringOf(metadata.resourceVersion);
    const name = stringOf(metadata.name);
    if (uid !== undefined && resourceVersion !== undefined && name !== undefined) {
      const { labels, annotations, finalizers, deletionGracePeriodSeconds } = metadata;
      const object: ReadObject = {
        uid,
        resourceVersion,
        name,
        labels: isJsonObject(labels) ? labels : {},
        annotations: isJsonObject(annotations) ? annotations : {},
        body,
        isHeld:
          (Array.isArray(finalizers) && finalizers.length > 0) ||
          (typeof deletionGracePeriodSeconds === 'number' && deletionGracePeriodSeconds > 0),
      };
      return { type: 'object', object };
    }
  }
  const message = 'the API server answered with something that is no object';
  return { type: 'unavailable', code, message, retryAfterMs: undefined };
}

function parse(text: string): JsonObject | undefined {
  try {
    const value: JsonValue = parseJson(text);
    return isJsonObject(value) ? value : undefined;
  } catch (error) {
    // A proxy's page, or a body that was cut: it says nothing, and the status alone decides.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function stringOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
