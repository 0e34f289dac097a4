import { type ApiResource, apiVersionOf, type JsonValue, type KubeObject } from '@hawser/protocol';
import type { Identity } from '../policy.ts';
import type { ApiContext, Target } from '../registry/context.ts';
import { create } from '../registry/create.ts';
import { decodeObject } from '../registry/decode.ts';
import { type DeleteResult, remove, removeCollection } from '../registry/delete.ts';
import { get } from '../registry/get.ts';
import { list, listText } from '../registry/list.ts';
import { patch } from '../registry/patch.ts';
import { update } from '../registry/update.ts';
import { watch } from '../registry/watch.ts';
import { badRequest, notAcceptable, unsupportedMediaType } from '../status.ts';
import type { PatchType } from '../storage.ts';
import { bodyFormat, parseBody, readBody, summarize } from './body.ts';
import type { ApiRequest, ApiResponse } from './exchange.ts';
import { whileThere } from './gone.ts';
import { type Negotiated, negotiate, parseMediaRanges } from './negotiate.ts';
import { listParts, parseIncludeObject, presentList, presentObject } from './present.ts';
import { type Gvk, parseProtobuf } from './protobuf-body.ts';
import { deleteOptions, listOptions, selectorOptions, timeoutMs, writeOptions } from './query.ts';
import { addWarning, sendJson, sendObject } from './respond.ts';
import type { View } from './view.ts';
import { watchFormat } from './watch-format.ts';
import { respondWithWatch, type WatchResponses } from './watch-response.ts';

/** A request on a stored resource that has been authorized. */
export interface ResourceRequest {
  readonly request: ApiRequest;
  readonly response: ApiResponse;
  readonly identity: Identity;
  readonly target: Target;
  readonly verb: string;
  readonly query: URLSearchParams;
  readonly watches: WatchResponses;
}

/** Carries a request out and answers it. @throws ApiError before anything has been sent */
export async function handleResource(context: ApiContext, resourceRequest: ResourceRequest): Promise<void> {
  const { request, response, identity, target, verb, query } = resourceRequest;
  const negotiated = await speakable(negotiate(request.headers.accept, verb === 'watch'), target.resource, verb);
  const { presentation } = negotiated;
  const includeObject = parseIncludeObject(query.get('includeObject'));
  const view = (): View => ({ presentation, includeObject, now: context.clock.now() });
  const { resource } = target;
  const isPlainJson = presentation === 'plain' && negotiated.encoding === 'json';
  const answer = (object: KubeObject, status = 200) =>
    sendObject(response, status, negotiated, presentObject(resource, object, view()));

  switch (verb) {
    case 'get': {
      const resourceVersion = query.get('resourceVersion') ?? undefined;
      const deadlineMs = timeoutMs(query);
      const warn = (text: string) => addWarning(response, text);
      const object = await whileThere(response, (signal) => get(context, target, { resourceVersion, deadlineMs, signal, warn }));
      return object && answer(object);
    }
    case 'list':
      if (isPlainJson) return sendJson(response, listParts(resource, await listText(context, target, listOptions(query))));
      return sendObject(
        response,
        200,
        negotiated,
        presentList(resource, await list(context, target, listOptions(query)), view()),
      );
    case 'watch':
      return respondWithWatch(
        response,
        resource,
        view,
        await watchFormat(negotiated, resourceRequest.watches.bodies),
        (sink) => watch(context, target, listOptions(query), sink),
        resourceRequest.watches,
      );
    case 'create': {
      const options = writeOptions(query, 'CreateOptions');
      return answer(create(context, identity, target, await readObject(request, resource), options), 201);
    }
    case 'update': {
      const options = writeOptions(query, 'UpdateOptions');
      return answer(update(context, identity, target, await readObject(request, resource), options));
    }
    case 'patch': {
      const options = writeOptions(query, 'PatchOptions');
      const type = patchType(request.headers['content-type']);
      const body = await parseBody(await readBody(request), 'json', (why) => badRequest(`error decoding patch: ${why}`));
      return answer(patch(context, identity, target, type, body, options));
    }
    case 'delete': {
      const options = deleteOptions(query, await readDeleteOptions(request));
      return answer(deleteAnswer(resource, remove(context, identity, target, options)));
    }
    case 'deletecollection': {
      const options = deleteOptions(query, await readDeleteOptions(request));
      const items = removeCollection(context, identity, target, selectorOptions(query), options);
      const resourceVersion = String(context.storage.revision());
      return sendObject(response, 200, negotiated, presentList(resource, { items, resourceVersion }, view()));
    }
    default:
      throw new Error(`no verb of a stored resource: ${verb}`);
  }
}

/** The same, or the text that the client takes as well where the kind has no messages. @throws ApiError 406 */
async function speakable(negotiated: Negotiated, resource: ApiResource, verb: string): Promise<Negotiated> {
  const { encoding, presentation, instead } = negotiated;
  if (encoding !== 'protobuf' || presentation !== 'plain') return negotiated;
  const { messageOfKind } = await import('../protobuf/index.ts');
  const kind = verb === 'list' || verb === 'deletecollection' ? `${resource.kind}List` : resource.kind;
  if (messageOfKind(apiVersionOf(resource), kind) !== undefined) return negotiated;
  if (instead === undefined)
    throw notAcceptable(`only the following media types are accepted for a ${resource.kind}: application/json, application/yaml`);
  return { encoding: instead, presentation };
}

async function readObject(request: ApiRequest, resource: ApiResource): Promise<KubeObject> {
  const format = bodyFormat(request.headers['content-type']);
  const body = await readBody(request);
  const unrecognized = (why: string) =>
    badRequest(`the object provided is unrecognized (must be of type ${resource.kind}): ${why} (${summarize(body)})`);
  if (format === 'protobuf') {
    return decodeObject(
      resource,
      await parseProtobuf(body, { apiVersion: apiVersionOf(resource), kind: resource.kind }, unrecognized),
    );
  }
  const noText = (why: string) => unrecognized(`couldn't get version/kind; json parse error: ${why}`);
  const value = await parseBody(body, format, noText);
  if (value !== null && (typeof value !== 'object' || Array.isArray(value))) throw noText(notAnObject(value));
  return decodeObject(resource, value);
}

function notAnObject(value: JsonValue): string {
  const type = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  return (
    `json: cannot unmarshal ${type} into Go value of type ` +
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
  );
}

const DELETE_OPTIONS: Gvk = { apiVersion: 'meta.k8s.io/v1', kind: 'DeleteOptions' };

async function readDeleteOptions(request: ApiRequest): Promise<JsonValue> {
  const body = await readBody(request);
  if (body.length === 0) return null;
  const format = bodyFormat(request.headers['content-type']);
  if (format === 'protobuf') return parseProtobuf(body, DELETE_OPTIONS, badRequest);
  return parseBody(body, format, (why) => badRequest(`couldn't get version/kind; json parse error: ${why}`));
}

const PATCH_TYPES: ReadonlyMap<string, PatchType> = new Map([
  ['application/strategic-merge-patch+json', 'strategic'],
  ['application/merge-patch+json', 'merge'],
  ['application/json-patch+json', 'json'],
]);

const APPLY_TYPES: ReadonlySet<string> = new Set(['application/apply-patch+yaml', 'application/apply-patch+cbor']);

function patchType(contentType: string | undefined): PatchType {
  const mediaType = parseMediaRanges(contentType ?? '')[0]?.type ?? '';
  const type = PATCH_TYPES.get(mediaType);
  if (APPLY_TYPES.has(mediaType)) throw unsupportedMediaType(NO_SERVER_SIDE_APPLY, {});
  if (type === undefined) throw unsupportedMediaType('415: Unsupported Media Type', {});
  return type;
}

const NO_SERVER_SIDE_APPLY =
  'this server has no server-side apply: use kubectl apply without --server-side, or a patch that is ' +
  'application/strategic-merge-patch+json, application/merge-patch+json or application/json-patch+json';

/** Kinds whose delete answers the object even when it is gone. */
const ANSWERS_OBJECT: ReadonlySet<string> = new Set(['pods', 'persistentvolumes', 'persistentvolumeclaims', 'serviceaccounts']);

function deleteAnswer(resource: ApiResource, result: DeleteResult): KubeObject {
  if (result.type === 'terminating' || ANSWERS_OBJECT.has(resource.id)) return result.object;
  const { name, uid } = result.object.metadata;
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name, ...(resource.group === '' ? {} : { group: resource.group }), kind: resource.resource, uid },
  };
}
