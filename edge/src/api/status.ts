import type { ApiResource, KubeObject } from '@hawser/protocol';

const STATUS_REASONS = [
  'AlreadyExists',
  'BadRequest',
  'Conflict',
  'Expired',
  'Forbidden',
  'InsufficientStorage',
  'InternalError',
  'Invalid',
  'MethodNotAllowed',
  'NotAcceptable',
  'NotFound',
  'RequestEntityTooLarge',
  'ServiceUnavailable',
  'Timeout',
  'TooManyRequests',
  'Unauthorized',
  'UnsupportedMediaType',
] as const;

/** Values of `Status.reason` that this API gives; undefined where Kubernetes gives none (some 500s). */
export type StatusReason = (typeof STATUS_REASONS)[number];

export function isStatusReason(text: string): text is StatusReason {
  return STATUS_REASONS.some((reason) => reason === text);
}

export interface StatusCause {
  readonly reason: string;
  readonly message: string;
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  /** Seconds; also sent as the Retry-After header. */
  readonly retryAfterSeconds?: number;
}

/** A failure as the Kubernetes API tells it: `meta/v1.Status`. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status. */
  readonly code: number;
  readonly reason: StatusReason | undefined;
  readonly details: StatusDetails | undefined;
  /** Set in a 410 about a continue token: a token with which the list goes on, inconsistently. */
  readonly continueToken: string | undefined;

  constructor(
    code: number,
    reason: StatusReason | undefined,
    message: string,
    details?: StatusDetails,
    options: ErrorOptions & { readonly continueToken?: string } = {},
  ) {
    super(message, options);
    this.code = code;
    this.reason = reason;
    this.details = details;
    this.continueToken = options.continueToken;
  }

  toStatus(): KubeObject {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: this.continueToken === undefined ? {} : { continue: this.continueToken },
      status: 'Failure',
      message: this.message,
      ...(this.reason === undefined ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    };
  }
}

/** What errors say about the resource they concern; a kind of the resource table or only group and plural name. */
export type ResourceName = Pick<ApiResource, 'group' | 'resource'>;
type KindName = Pick<ApiResource, 'group' | 'kind'>;

/** `pods`, `leases.coordination.k8s.io`. */
export function qualifiedResource(resource: ResourceName): string {
  return resource.group === '' ? resource.resource : `${resource.resource}.${resource.group}`;
}

export function detailsAbout(resource: ResourceName, name: string): StatusDetails {
  return {
    ...(name === '' ? {} : { name }),
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.resource,
  };
}

export function notFound(resource: ResourceName, name: string): ApiError {
  return new ApiError(404, 'NotFound', `${qualifiedResource(resource)} ${quote(name)} not found`, detailsAbout(resource, name));
}

/** The answer to a path that is no resource of a group that exists. */
export function noSuchResource(): ApiError {
  return new ApiError(404, 'NotFound', 'the server could not find the requested resource', {});
}

/** @param offered what there is in its place, for a person */
export function methodNotAllowed(offered?: string): ApiError {
  const more = offered === undefined ? '' : `: ${offered}`;
  return new ApiError(405, 'MethodNotAllowed', `the server does not allow this method on the requested resource${more}`, {});
}

export function alreadyExists(resource: ResourceName, name: string, terminating = false): ApiError {
  const message = `${qualifiedResource(resource)} ${quote(name)} already exists`;
  return new ApiError(
    409,
    'AlreadyExists',
    terminating ? `object is being deleted: ${message}` : message,
    detailsAbout(resource, name),
  );
}

export const MODIFIED_MEANWHILE = 'the object has been modified; please apply your changes to the latest version and try again';

export function conflict(resource: ResourceName, name: string, why: string, options?: ErrorOptions): ApiError {
  const message = `Operation cannot be fulfilled on ${qualifiedResource(resource)} ${quote(name)}: ${why}`;
  return new ApiError(409, 'Conflict', message, detailsAbout(resource, name), options);
}

export function badRequest(message: string, options?: ErrorOptions): ApiError {
  return new ApiError(400, 'BadRequest', message, undefined, options);
}

export function unauthorized(): ApiError {
  return new ApiError(401, 'Unauthorized', 'Unauthorized');
}

/** `why` follows `RESOURCE "NAME" is forbidden: `. */
export function forbidden(resource: ResourceName, name: string, why: string): ApiError {
  const subject = name === '' ? qualifiedResource(resource) : `${qualifiedResource(resource)} ${quote(name)}`;
  return new ApiError(403, 'Forbidden', `${subject} is forbidden: ${why}`, detailsAbout(resource, name));
}

/** One mistake in an object; see `invalid`. */
export interface FieldError {
  readonly reason:
    | 'FieldValueInvalid'
    | 'FieldValueRequired'
    | 'FieldValueForbidden'
    | 'FieldValueNotSupported'
    | 'FieldValueTooLong'
    | 'FieldValueDuplicate'
    | 'FieldValueNotFound';
  readonly field: string;
  /** As after the field in the message: `Invalid value: "x": must be …`. */
  readonly message: string;
}

/** HTTP 422. The message joins all mistakes the way Kubernetes does: one as it is, several in brackets. */
export function invalid(kind: KindName, name: string, errors: readonly FieldError[]): ApiError {
  const subject = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  const texts = [...new Set(errors.map((error) => `${error.field}: ${error.message}`))];
  const list = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  return new ApiError(422, 'Invalid', `${subject} ${quote(name)} is invalid: ${list}`, {
    ...(name === '' ? {} : { name }),
    ...(kind.group === '' ? {} : { group: kind.group }),
    ...(kind.kind === '' ? {} : { kind: kind.kind }),
    causes: errors.map(({ reason, message, field }) => ({ reason, message, field })),
  });
}

/** A failure without a reason, as Kubernetes gives for some malformed requests. */
export function internal(message: string, options?: ErrorOptions): ApiError {
  return new ApiError(500, undefined, message, undefined, options);
}

export function expired(message: string, continueToken?: string): ApiError {
  return new ApiError(410, 'Expired', message, undefined, continueToken === undefined ? {} : { continueToken });
}

/** A resourceVersion was asked for that had not been reached within the wait. */
export function tooLargeResourceVersion(asked: string, current: number): ApiError {
  return new ApiError(504, 'Timeout', `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

/** It was begun, and nobody knows whether it was done: not to be tried again without a look. */
export function timedOut(message: string): ApiError {
  return new ApiError(504, 'Timeout', `Timeout: ${message}`, {});
}

/** For what only the cloud can answer while it cannot be reached. */
export function serviceUnavailable(message: string, retryAfterSeconds: number): ApiError {
  return new ApiError(503, 'ServiceUnavailable', message, { retryAfterSeconds });
}

/** The server has as much to do as it may have. */
export function tooManyRequests(message: string, retryAfterSeconds: number): ApiError {
  return new ApiError(429, 'TooManyRequests', message, { retryAfterSeconds });
}

/** There is no room for the write (RFC 4918, section 11.5); Kubernetes has no reason for it. */
export function insufficientStorage(message: string, options?: ErrorOptions): ApiError {
  return new ApiError(507, 'InsufficientStorage', message, undefined, options);
}

export function notAcceptable(message: string, details?: StatusDetails): ApiError {
  return new ApiError(406, 'NotAcceptable', message, details);
}

export function unsupportedMediaType(message: string, details?: StatusDetails): ApiError {
  return new ApiError(415, 'UnsupportedMediaType', message, details);
}

export function requestTooLarge(limitBytes: number): ApiError {
  return new ApiError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limitBytes}`);
}

/** A string in double quotes, as Go's %q prints it for printable text. */
export function quote(text: string): string {
  return JSON.stringify(text);
}
