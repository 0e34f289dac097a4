import {
  type ApiResource,
  isJsonObject,
  isResourceVersion,
  type JsonObject,
  type JsonValue,
  type Report,
  resourceById,
  resourcePath,
} from '@hawser/protocol';

/** One call of the API server that does what a report asks for. */
export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body: string | undefined;
  readonly contentType: string | undefined;
}

export interface Refusal {
  readonly type: 'refused';
  readonly code: number;
  readonly reason: string;
  readonly message: string;
}

export type Planned = { readonly type: 'call'; readonly call: ApiCall; readonly resource: ApiResource } | Refusal;

const JSON_TYPE = 'application/json';
const PATCH_TYPES = {
  strategic: 'application/strategic-merge-patch+json',
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
} as const;

/**
 * Subresources by operation that a report can have an answer for. `binding` and `finalize` are no business of a node; the answer
 * to a TokenRequest is a body, and reports have none.
 */
const SUBRESOURCES: { readonly [operation in Report['operation']['type']]: readonly string[] } = {
  create: ['', 'eviction'],
  update: ['', 'status'],
  patch: ['', 'status'],
  remove: [''],
};

/**
 * The call for a report, by the resource table. Whether the node may do it is for the API server's Node authorizer to say. The
 * report's uid becomes a precondition in the form that each verb has for it, so that nothing meets the object's successor.
 */
export function planReport(report: Report): Planned {
  const { operation, subresource } = report;
  const resource = resourceById(report.resource);
  if (resource === undefined) return refusal(404, 'NotFound', `the relay knows no resource ${report.resource}`);
  const isKnown = subresource === '' || resource.subresources.includes(subresource);
  if (!isKnown || !SUBRESOURCES[operation.type].includes(subresource)) {
    const what = subresource === '' ? report.resource : `${report.resource}/${subresource}`;
    return refusal(405, 'MethodNotAllowed', `a report cannot ${operation.type} ${what}`);
  }
  if (resource.namespaced && report.namespace === '') return badRequest(`${report.resource} needs a namespace`);
  if (!resource.namespaced && report.namespace !== '') return badRequest(`${report.resource} has no namespaces`);
  if ([report.namespace, report.name].some(isDotSegment)) return badRequest('a name or namespace may not be "." or ".."');
  const isCollection = operation.type === 'create' && subresource === '';
  if (!isCollection && report.name === '') return badRequest(`${operation.type} of ${report.resource} needs a name`);
  const path = resourcePath(resource, report.namespace, isCollection ? '' : report.name, subresource);
  const call = boundedCall(report, path);
  return 'method' in call ? { type: 'call', call, resource } : call;
}

/** A URL takes these for steps in its path, so the call would meet another object; no name may be one (Kubernetes, "Object Names and IDs"). */
export function isDotSegment(name: string): boolean {
  return name === '.' || name === '..';
}

/** Reads the object of a report, as the node sees it now. */
export function planRead(report: Report, resource: ApiResource): ApiCall {
  return {
    method: 'GET',
    path: resourcePath(resource, report.namespace, report.name),
    body: undefined,
    contentType: undefined,
  };
}

/** The same update against a newer version of the object. */
export function rebase(call: ApiCall, resourceVersion: string): ApiCall {
  const body = parseObject(call.body ?? '');
  return body === undefined ? call : { ...call, body: JSON.stringify(withMetadata(body, { resourceVersion })) };
}

/** Text that parses may still be nested too deeply to be written again. */
function boundedCall(report: Report, path: string): ApiCall | Refusal {
  try {
    return callFor(report, path);
  } catch (error) {
    if (error instanceof RangeError) return badRequest('the body is nested too deeply');
    throw error;
  }
}

function callFor(report: Report, path: string): ApiCall | Refusal {
  const { operation, uid } = report;
  switch (operation.type) {
    case 'create': {
      const body = parseObject(operation.body);
      if (body === undefined) return badRequest('the body of a create must be an object');
      if (report.subresource === 'eviction') return planEviction(report, path, body);
      // The server sets both; a resourceVersion in a create is a 500 to it.
      const created = withMetadata(body, { resourceVersion: undefined, uid: undefined });
      return { method: 'POST', path, body: JSON.stringify(created), contentType: JSON_TYPE };
    }
    case 'update': {
      const body = parseObject(operation.body);
      if (body === undefined) return badRequest('the body of an update must be an object');
      const version = metadataOf(body).resourceVersion;
      if (version !== undefined && !isResourceVersion(version)) return badRequest('resourceVersion must be a decimal number');
      return {
        method: 'PUT',
        path,
        body: JSON.stringify(withMetadata(body, uid === undefined ? {} : { uid })),
        contentType: JSON_TYPE,
      };
    }
    case 'patch':
      return planPatch(report, path, operation.patchType, operation.body);
    case 'remove':
      return {
        method: 'DELETE',
        path,
        body: JSON.stringify(deleteOptions(uid, operation.gracePeriodSeconds)),
        contentType: JSON_TYPE,
      };
  }
}

function planPatch(report: Report, path: string, patchType: 'strategic' | 'merge' | 'json', text: string): ApiCall | Refusal {
  const patch: JsonValue = JSON.parse(text);
  if (patchType === 'json') {
    if (!Array.isArray(patch)) return badRequest('a JSON patch must be a list');
    const guarded = report.uid === undefined ? patch : [{ op: 'test', path: '/metadata/uid', value: report.uid }, ...patch];
    return { method: 'PATCH', path, body: JSON.stringify(guarded), contentType: PATCH_TYPES.json };
  }
  if (!isJsonObject(patch)) return badRequest('a patch must be an object');
  const guarded = report.uid === undefined ? patch : withMetadata(patch, { uid: report.uid });
  return { method: 'PATCH', path, body: JSON.stringify(guarded), contentType: PATCH_TYPES[patchType] };
}

/** The answer to an eviction does not say which pod it met, so the report must. */
function planEviction(report: Report, path: string, body: JsonObject): ApiCall | Refusal {
  if (report.uid === undefined) return badRequest('an eviction needs the uid of its pod');
  const options = isJsonObject(body.deleteOptions) ? body.deleteOptions : {};
  const preconditions = isJsonObject(options.preconditions) ? options.preconditions : {};
  const guarded = { ...body, deleteOptions: { ...options, preconditions: { ...preconditions, uid: report.uid } } };
  return { method: 'POST', path, body: JSON.stringify(guarded), contentType: JSON_TYPE };
}

function deleteOptions(uid: string | undefined, gracePeriodSeconds: number | undefined): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(uid === undefined ? {} : { preconditions: { uid } }),
  };
}

function withMetadata(object: JsonObject, fields: { readonly [field: string]: string | undefined }): JsonObject {
  const metadata = { ...metadataOf(object) };
  for (const [field, value] of Object.entries(fields)) {
    if (value === undefined) delete metadata[field];
    else metadata[field] = value;
  }
  return { ...object, metadata };
}

function metadataOf(object: JsonObject): JsonObject {
  return isJsonObject(object.metadata) ? object.metadata : {};
}

function parseObject(text: string): JsonObject | undefined {
  const value: JsonValue = JSON.parse(text);
  return isJsonObject(value) ? value : undefined;
}

function badRequest(message: string): Refusal {
  return refusal(400, 'BadRequest', message);
}

function refusal(code: number, reason: string, message: string): Refusal {
  return { type: 'refused', code, reason, message };
}
