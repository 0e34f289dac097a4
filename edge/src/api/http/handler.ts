import { isJsonObject, type KubeObject } from '@hawser/protocol';
import type { Identity } from '../policy.ts';
import { requireAuthorized } from '../registry/authorize.ts';
import type { Target } from '../registry/context.ts';
import type { Registry } from '../registry/registry.ts';
import { ApiError, badRequest, internal, methodNotAllowed, noSuchResource, notAcceptable, unauthorized } from '../status.ts';
import { bodyFormat, parseBody, readBody } from './body.ts';
import { credentialsOf } from './credentials.ts';
import type { Discovery } from './discovery.ts';
import { type ApiRequest, type ApiResponse, cutOff } from './exchange.ts';
import { whileThere } from './gone.ts';
import type { Load } from './load.ts';
import {
  type Encoding,
  errorEncoding,
  type Negotiated,
  negotiate,
  onlyAccepted,
  PROTOBUF_TYPE,
  parseMediaRanges,
} from './negotiate.ts';
import { answerOwnPath, type OwnPath } from './own-path.ts';
import { attributesOfRequest, type ParsedPath, parsePath, type ResourcePath } from './path.ts';
import { parseProtobuf } from './protobuf-body.ts';
import { timeoutMs } from './query.ts';
import { handleResource } from './resource-handler.ts';
import { addWarning, sendError, sendObject, sendPageNotFound, sendText } from './respond.ts';
import { routeOf } from './route.ts';
import type { WatchResponses } from './watch-response.ts';

export interface HandlerOptions {
  readonly registry: Registry;
  readonly discovery: Discovery;
  readonly watches: WatchResponses;
  readonly load: Load;
  /** By path. */
  readonly ownPaths: ReadonlyMap<string, OwnPath>;
  /** What /readyz says; undefined means ready, else why not. */
  readonly notReady: () => string | undefined;
  /** Told of failures that are no ApiError; the client gets a 500. */
  readonly onFailure: (error: unknown, path: string) => void;
}

/** Answers one request, whatever happens. */
export async function handleRequest(options: HandlerOptions, request: ApiRequest, response: ApiResponse): Promise<void> {
  const encoding = errorEncoding(request.headers.accept);
  try {
    await answer(options, request, response, encoding);
  } catch (cause) {
    if (cause instanceof ApiError && cause.code === 413) options.load.reached('bodyBytes');
    if (cause instanceof ApiError && cause.code === 401) options.load.unauthorized();
    if (!(cause instanceof ApiError)) options.onFailure(cause, request.url ?? '');
    const error = cause instanceof ApiError ? cause : internal('Internal Server Error: see the log of the server');
    // Once the headers are out all that can be done is to break off.
    if (response.headersSent) cutOff(response);
    else await sendError(response, error, encoding);
  }
}

async function answer(options: HandlerOptions, request: ApiRequest, response: ApiResponse, encoding: Encoding): Promise<void> {
  const { policy } = options.registry.context;
  const method = request.method ?? 'GET';
  const url = request.url ?? '/';
  const question = url.indexOf('?');
  const parsed = parsePath(question < 0 ? url : url.slice(0, question));
  const query = new URLSearchParams(question < 0 ? '' : url.slice(question + 1));
  const attributes = attributesOfRequest(method, parsed, query);
  const identity = policy.authenticate(credentialsOf(request), attributes);
  if (identity === undefined) throw unauthorized();
  options.load.authenticated(request.socket);
  requireAuthorized(policy, identity, attributes);
  // Whether the process gets around to answering is asked above all when there is much to do.
  if (!HEALTH.test(parsed.path)) options.load.begin(attributes.verb === 'watch' ? 'watches' : 'requests', response);

  const { resource } = parsed;
  if (resource === undefined) return answerDocument(options, request, response, parsed, query, encoding);
  const route = routeOf(resource, method, attributes.verb, options.discovery);
  switch (route.type) {
    case 'unknownGroup':
      return sendPageNotFound(response);
    case 'special':
      return answerSpecial(options, request, response, identity, resource, route.target, attributes.verb, query);
    case 'stored':
      return handleResource(options.registry.context, {
        request,
        response,
        identity,
        target: route.target,
        verb: attributes.verb,
        query,
        watches: options.watches,
      });
  }
}

const HEALTH = /^\/(healthz|livez|readyz)(\/ping)?$/;

async function answerDocument(
  options: HandlerOptions,
  request: ApiRequest,
  response: ApiResponse,
  { path }: ParsedPath,
  query: URLSearchParams,
  encoding: Encoding,
): Promise<void> {
  const health = HEALTH.exec(path);
  if (health !== null) {
    const why = health[1] === 'readyz' ? options.notReady() : undefined;
    const check = why === undefined ? '[+]ping ok' : `[-]ready failed: ${why}`;
    const verdict = `${health[1]} check ${why === undefined ? 'passed' : 'failed'}`;
    const brief = why === undefined && !query.has('verbose');
    return sendText(response, why === undefined ? 200 : 500, brief ? 'ok' : `${check}\n${verdict}\n`);
  }
  const trimmed = path.length > 1 ? path.replace(/\/+$/, '') : path;
  const own = options.ownPaths.get(trimmed);
  if (own !== undefined) return answerOwnPath(own, request, response, query);
  const document = options.discovery.document(trimmed);
  if (document === undefined) {
    // /api/v2 and /apis/GROUP/VERSION of a known group get a Status, everything else plain text.
    const [root, group = ''] = trimmed.split('/').slice(1);
    if (root === 'api' || (root === 'apis' && group !== '' && options.discovery.hasGroup(group))) throw noSuchResource();
    return sendPageNotFound(response);
  }
  if (request.method !== 'GET') throw methodNotAllowed();
  if (trimmed === '/api' || trimmed === '/apis') {
    response.setHeader('vary', 'Accept');
    if (prefersAggregated(request.headers.accept)) return answerAggregated(options, request, response, trimmed);
  }
  if (trimmed === '/version' && encoding === 'yaml') return sendObject(response, 200, 'json', document);
  const negotiated = negotiate(request.headers.accept, false);
  // What is no API object has no messages.
  return sendObject(response, 200, 'kind' in document ? negotiated : textOf(negotiated), document);
}

/** @throws ApiError 406 where the client takes Protocol Buffers only */
function textOf({ encoding, instead }: Negotiated): Encoding {
  if (encoding !== 'protobuf') return encoding;
  if (instead === undefined) throw notAcceptable('406: Not Acceptable\n\nAvailable representations: application/json', {});
  return instead;
}

const AGGREGATED_TYPE = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** Whether the first form that the client accepts and that is served is the aggregated one. @throws ApiError 406 */
function prefersAggregated(accept: string | undefined): boolean {
  for (const { type, parameters } of parseMediaRanges(accept ?? '')) {
    if (type === PROTOBUF_TYPE && !parameters.has('as')) return false;
    if (type !== 'application/json' && type !== 'application/*' && type !== '*/*' && type !== 'application/yaml') continue;
    if (!parameters.has('as')) return false;
    if (parameters.get('as') === 'APIGroupDiscoveryList' && parameters.get('v') === 'v2') return true;
  }
  if (accept === undefined || accept === '') return false;
  throw onlyAccepted(false);
}

async function answerAggregated(
  options: HandlerOptions,
  request: ApiRequest,
  response: ApiResponse,
  path: '/api' | '/apis',
): Promise<void> {
  const { body, etag } = options.discovery.aggregated(path);
  response.setHeader('etag', etag);
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304);
    response.end();
    return;
  }
  response.setHeader('content-type', AGGREGATED_TYPE);
  await sendObject(response, 200, 'json', body);
}

async function answerSpecial(
  options: HandlerOptions,
  request: ApiRequest,
  response: ApiResponse,
  identity: Identity,
  path: ResourcePath,
  target: Target | undefined,
  verb: string,
  query: URLSearchParams,
): Promise<void> {
  const { context } = options.registry;
  const negotiated = negotiate(request.headers.accept, false);
  const body = verb === 'create' || verb === 'update' || verb === 'patch' ? await readAny(request) : undefined;
  const { group, resource, subresource, namespace, name } = path;
  const deadlineMs = timeoutMs(query);
  const answered = await whileThere(response, async (signal) => ({
    special: await context.policy.handleSpecial({
      ...{ identity, verb, group, resource, subresource, namespace, name, body, query, deadlineMs, signal },
      storage: context.storage,
      now: context.clock.now(),
    }),
  }));
  if (answered === undefined) return;
  const { special } = answered;
  if (special !== undefined) {
    for (const warning of special.warnings ?? []) addWarning(response, warning);
    return sendObject(response, special.status, negotiated, special.body);
  }
  const listed = target?.resource.subresources.includes(path.subresource) ?? true;
  throw listed ? methodNotAllowed() : noSuchResource();
}

/** The body of a request that the policy answers: an object of whatever kind. */
async function readAny(request: ApiRequest): Promise<KubeObject> {
  const format = request.method === 'PATCH' ? 'json' : bodyFormat(request.headers['content-type']);
  const bytes = await readBody(request);
  const value =
    format === 'protobuf'
      ? await parseProtobuf(bytes, { apiVersion: '', kind: '' }, badRequest)
      : await parseBody(bytes, format, (why) => badRequest(`couldn't get version/kind; json parse error: ${why}`));
  const object = isJsonObject(value) ? value : {};
  const { apiVersion = '', kind = '', metadata = {} } = object;
  return {
    ...object,
    apiVersion: typeof apiVersion === 'string' ? apiVersion : '',
    kind: typeof kind === 'string' ? kind : '',
    metadata: isJsonObject(metadata) ? { ...metadata } : {},
  };
}
