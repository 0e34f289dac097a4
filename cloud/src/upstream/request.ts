import {
  type ApiResource,
  isJsonObject,
  isResourceVersion,
  type JsonObject,
  type JsonValue,
  parseJson,
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

export interface PlannedCall {
  readonly type: 'call';
  readonly call: ApiCall;
  readonly resource: ApiResource;
  /** The report's own body: of a create, an update, or a patch that is no JSON patch; without the preconditions that `call` has. */
  readonly body: JsonObject | undefined;
  /** It names a resourceVersion itself: it is about that version and no other. */
  readonly namesVersion: boolean;
}

export type Planned = PlannedCall | Refusal;

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

/** Of these the answer is what the device wants, and not every one goes to the cluster: `queries/certificate-requests.ts`. */
const ASKED_FOR = 'certificates.k8s.io/certificatesigningrequests';

/**
 * The call for a report, by the resource table. Whether the node may do it is for the API server's Node authorizer to say. The
 * report's uid becomes a precondition in the form that each verb has for it, so that nothing meets the object's successor.
 */
export function planReport(report: Report): Planned {
  const { operation, subresource } = report;
  const resource = resourceById(report.resource);
  if (resource === undefined) return refusal(404, 'NotFound', `the relay knows no resource ${report.resource}`);
  if (resource.id === ASKED_FOR) return refusal(405, 'MethodNotAllowed', `${ASKED_FOR} are asked for and not reported`);
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
  const planned = boundedCall(report, path);
  return planned.type === 'refused' ? planned : { ...planned, type: 'call', resource };
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

interface Written {
  readonly type: 'written';
  readonly call: ApiCall;
  readonly body: JsonObject | undefined;
  readonly namesVersion: boolean;
}

/** Text that parses may still be nested too deeply to be written again. */
function boundedCall(report: Report, path: string): Written | Refusal {
  try {
    return callFor(report, path);
  } catch (error) {
    if (error instanceof RangeError) return badRequest('the body is nested too deeply');
    throw error;
  }
}

function callFor(report: Report, path: string): Written | Refusal {
  const { operation, uid } = report;
  switch (operation.type) {
    case 'create': {
      const body = parseObject(operation.body);
      if (body === undefined) return badRequest('the body of a create must be an object');
      if (report.subresource === 'eviction') return planEviction(report, path, body);
      // The server sets both; a resourceVersion in a create is a 500 to it.
      const created = withMetadata(body, { resourceVersion: undefined, uid: undefined });
      return written('POST', path, created, JSON_TYPE, created);
    }
    case 'update': {
      const body = parseObject(operation.body);
      if (body === undefined) return badRequest('the body of an update must be an object');
      const version = metadataOf(body).resourceVersion;
      if (version !== undefined && !isResourceVersion(version)) return badRequest('resourceVersion must be a decimal number');
      return written('PUT', path, withMetadata(body, uid === undefined ? {} : { uid }), JSON_TYPE, body);
    }
    case 'patch':
      return planPatch(report, path, operation.patchType, operation.body);
    case 'remove':
      return written('DELETE', path, deleteOptions(uid, operation.gracePeriodSeconds), JSON_TYPE);
  }
}

function written(method: ApiCall['method'], path: string, sent: JsonValue, contentType: string, body?: JsonObject): Written {
  const namesVersion = body !== undefined && metadataOf(body).resourceVersion !== undefined;
  return { type: 'written', call: { method, path, body: JSON.stringify(sent), contentType }, body, namesVersion };
}

function planPatch(report: Report, path: string, patchType: 'strategic' | 'merge' | 'json', text: string): Written | Refusal {
  const patch: JsonValue = parseJson(text);
  if (patchType === 'json') {
    if (!Array.isArray(patch)) return badRequest('a JSON patch must be a list');
    const guarded = report.uid === undefined ? patch : [{ op: 'test', path: '/metadata/uid', value: report.uid }, ...patch];
    const namesVersion = patch.some((operation) => isJsonObject(operation) && operation.path === '/metadata/resourceVersion');
    return { ...written('PATCH', path, guarded, PATCH_TYPES.json), namesVersion };
  }
  if (!isJsonObject(patch)) return badRequest('a patch must be an object');
  return written('PATCH', path, guardedPatch(patch, report.uid), PATCH_TYPES[patchType], patch);
}

function guardedPatch(patch: JsonObject, uid: string | undefined): JsonObject {
  return uid === undefined ? patch : withMetadata(patch, { uid });
}

/** The same call with another strategic patch, which is meant for that version of the object and no other. */
export function withPatch(call: ApiCall, patch: JsonObject, uid: string, resourceVersion: string): ApiCall {
  return { ...call, body: JSON.stringify(withMetadata(patch, { uid, resourceVersion })) };
}

/** A strategic patch of an object as the node, outside of what a report says. */
export function planStrategicPatch(report: Report, resource: ApiResource, patch: JsonObject): ApiCall {
  return {
    method: 'PATCH',
    path: resourcePath(resource, report.namespace, report.name),
    body: JSON.stringify(patch),
    contentType: PATCH_TYPES.strategic,
  };
}

/** The answer to an eviction does not say which pod it met, so the report must. */
function planEviction(report: Report, path: string, body: JsonObject): Written | Refusal {
  if (report.uid === undefined) return badRequest('an eviction needs the uid of its pod');
  const options = isJsonObject(body.deleteOptions) ? body.deleteOptions : {};
  const preconditions = isJsonObject(options.preconditions) ? options.preconditions : {};
  const guarded = { ...body, deleteOptions: { ...options, preconditions: { ...preconditions, uid: report.uid } } };
  return written('POST', path, guarded, JSON_TYPE);
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
  const value: JsonValue = parseJson(text);
  return isJsonObject(value) ? value : undefined;
}

function badRequest(message: string): Refusal {
  return refusal(400, 'BadRequest', message);
}

function refusal(code: number, reason: string, message: string): Refusal {
  return { type: 'refused', code, reason, message };
}

/**
 * What every kubelet writes, by resource and subresource; the chart gives the relay the rights for it. Where they are missing somebody has
 * forgotten them, and the report waits; other writes nobody may ever have meant to grant.
 */
const KUBELET_WRITES: ReadonlySet<string> = new Set([
  ...['create nodes', 'patch nodes', 'patch nodes/status', 'patch pods/status', 'create pods', 'remove pods'],
  ...['create events', 'patch events', 'create storage.k8s.io/csinodes', 'patch storage.k8s.io/csinodes'],
]);

export function isKubeletWrite({ operation, resource, subresource }: Report): boolean {
  return KUBELET_WRITES.has(`${operation.type} ${resource}${subresource === '' ? '' : `/${subresource}`}`);
}
