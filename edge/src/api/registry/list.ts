import type { KubeObject } from '@hawser/protocol';
import { compareKeys, type ItemKey } from '../keys.ts';
import { matchesFields, parseFieldSelector } from '../selector/field.ts';
import { matchesLabels, parseLabelSelector } from '../selector/label.ts';
import { badRequest, expired } from '../status.ts';
import { CompactedError } from '../storage.ts';
import type { ApiContext, Target } from './context.ts';
import { type ContinuePosition, decodeContinue, encodeContinue } from './continue-token.ts';
import { type ListOptions, parseListVersion, validateListOptions } from './list-options.ts';
import { fromStored, storageIdOf } from './views.ts';
import { isForeign, waitForRevision } from './wait.ts';

export interface ListResult {
  /** Each with apiVersion and kind. */
  readonly items: readonly KubeObject[];
  /** The revision that the whole list is good for; the same on all its pages. */
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

type Filter = (object: KubeObject) => boolean;

/** @throws ApiError */
export async function list(context: ApiContext, target: Target, options: ListOptions): Promise<ListResult> {
  validateListOptions(options);
  const filter = compileFilter(target, options);
  const namespace = target.namespace === '' ? undefined : target.namespace;
  const asked = options.resourceVersion ?? '';
  const version = parseListVersion(asked);
  const limit = options.limit !== undefined && options.limit > 0 ? options.limit : Number.POSITIVE_INFINITY;

  if (options.continue !== undefined && options.continue !== '') {
    if (asked !== '' && asked !== '0') throw badRequest('specifying resource version is not allowed when using continue');
    return nextPage(context, target, decodeContinue(options.continue, namespace), filter, limit);
  }
  if (isForeign(context, version)) throw expired(VERSION_TOO_OLD);
  await waitForRevision(context, version);
  // Any state will do: the limit is not worth a second page.
  if (asked === '0')
    return page(context, target, namespace, context.storage.revision(), undefined, filter, Number.POSITIVE_INFINITY);
  const exact =
    options.resourceVersionMatch === 'Exact' ||
    (version > 0 && limit < Number.POSITIVE_INFINITY && !options.resourceVersionMatch);
  try {
    return page(context, target, namespace, exact ? version : context.storage.revision(), undefined, filter, limit);
  } catch (cause) {
    if (cause instanceof CompactedError) throw expired(VERSION_TOO_OLD);
    throw cause;
  }
}

/** Objects of the collection that the selectors choose, as they are now. */
export function matching(context: ApiContext, target: Target, options: ListOptions): KubeObject[] {
  const filter = compileFilter(target, options);
  const objects = context.storage.list(storageIdOf(target.resource), target.namespace === '' ? undefined : target.namespace);
  return filter === undefined ? objects : objects.filter(filter);
}

/** Undefined when everything matches. Works on stored objects. */
export function compileFilter(target: Target, options: ListOptions): Filter | undefined {
  const labels = parseLabelSelector(options.labelSelector ?? '');
  const fields = parseFieldSelector(options.fieldSelector ?? '', target.resource);
  // A path that names one object (the old /watch/ form) selects it.
  const { name } = target;
  if (labels.length === 0 && fields.length === 0 && name === '') return undefined;
  return (object) =>
    (name === '' || object.metadata.name === name) &&
    matchesLabels(labels, object.metadata.labels) &&
    matchesFields(fields, object);
}

async function nextPage(
  context: ApiContext,
  target: Target,
  position: ContinuePosition,
  filter: Filter | undefined,
  limit: number,
): Promise<ListResult> {
  const namespace = target.namespace === '' ? undefined : target.namespace;
  const tooOld = () => expired(TOKEN_TOO_OLD, encodeContinue({ revision: -1, after: position.after }, namespace === undefined));
  if (isForeign(context, position.revision)) throw tooOld();
  if (position.revision > 0) await waitForRevision(context, position.revision);
  const revision = position.revision < 0 ? context.storage.revision() : position.revision;
  try {
    return page(context, target, namespace, revision, position.after, filter, limit);
  } catch (cause) {
    if (cause instanceof CompactedError) throw tooOld();
    throw cause;
  }
}

const VERSION_TOO_OLD = 'The resourceVersion for the provided list is too old.';

const TOKEN_TOO_OLD =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
  'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
  'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted ' +
  'between the time the first chunk was returned and now may show up in the list.';

/** @throws CompactedError */
function page(
  context: ApiContext,
  target: Target,
  namespace: string | undefined,
  revision: number,
  after: ItemKey | undefined,
  filter: Filter | undefined,
  limit: number,
): ListResult {
  const id = storageIdOf(target.resource);
  const { storage } = context;
  const all = revision === storage.revision() ? storage.list(id, namespace) : storage.listAt(id, revision, namespace);
  const rest = after === undefined ? all : all.filter((object) => compareKeys(keyOf(object), after) > 0);
  const chosen = filter === undefined ? rest : rest.filter(filter);
  const items = chosen.slice(0, limit).map((object) => fromStored(target.resource, object));
  const resourceVersion = String(revision);
  const last = items.at(-1);
  if (last === undefined || chosen.length <= items.length) return { items, resourceVersion };
  return {
    items,
    resourceVersion,
    continue: encodeContinue({ revision, after: keyOf(last) }, namespace === undefined),
    // With a selector nobody counts what is left.
    ...(filter === undefined ? { remainingItemCount: chosen.length - items.length } : {}),
  };
}

function keyOf(object: KubeObject): ItemKey {
  return { namespace: object.metadata.namespace ?? '', name: object.metadata.name ?? '' };
}
