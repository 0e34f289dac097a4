import type { KubeObject } from '@hawser/protocol';
import { asHeld, heldBy } from '../held.ts';
import { compareKeys, type ItemKey } from '../keys.ts';
import { matchesFields, parseFieldSelector, requiredValue } from '../selector/field.ts';
import { matchesLabels, parseLabelSelector } from '../selector/label.ts';
import { badRequest, expired } from '../status.ts';
import { CompactedError, type Held } from '../storage.ts';
import type { ApiContext, Target } from './context.ts';
import { type ContinuePosition, decodeContinue, encodeContinue } from './continue-token.ts';
import { type ListOptions, parseListVersion, validateListOptions } from './list-options.ts';
import { fromStored, storageIdOf } from './views.ts';
import { isForeign, waitForRevision } from './wait.ts';

export interface ListResult<Item = KubeObject> {
  /** Each with apiVersion and kind. */
  readonly items: readonly Item[];
  /** The revision that the whole list is good for; the same on all its pages. */
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

type Filter = (object: KubeObject) => boolean;

/** What selectors and path choose. */
interface Selection {
  /** Only an object of that name. */
  readonly name: string | undefined;
  /** What is to be looked at beside the name; undefined: nothing. Works on stored objects. */
  readonly filter: Filter | undefined;
  /** All of it, the name too; undefined: everything matches. Works on stored objects. */
  readonly matches: Filter | undefined;
}

/** @throws ApiError */
export async function list(context: ApiContext, target: Target, options: ListOptions): Promise<ListResult> {
  const { items, ...metadata } = await listHeld(context, target, options);
  return { items: items.map(({ object }) => fromStored(target.resource, object)), ...metadata };
}

/** A list whose items are JSON already, with commas between. */
export interface JoinedList extends Omit<ListResult, 'items'> {
  readonly joined: Uint8Array;
}

/** The same as JSON where the Storage has it so, else as the Storage holds it. @throws ApiError */
export async function listText(
  context: ApiContext,
  target: Target,
  options: ListOptions,
): Promise<ListResult<Held> | JoinedList> {
  validateListOptions(options);
  return joinedList(context, target, options) ?? listHeld(context, target, options);
}

/** Undefined for what is not all of a resource as it is now. */
function joinedList(
  { storage }: ApiContext,
  { resource, namespace, name }: Target,
  options: ListOptions,
): JoinedList | undefined {
  const { limit = 0, resourceVersion = '', labelSelector = '', fieldSelector = '' } = options;
  const isNow = resourceVersion === '' || resourceVersion === '0';
  if (!isNow || name !== '' || storageIdOf(resource) !== resource.id) return undefined;
  const says = [labelSelector, fieldSelector, options.continue ?? '', options.resourceVersionMatch ?? ''];
  if (says.some((text) => text !== '')) return undefined;
  const within = namespace === '' ? undefined : namespace;
  if (limit > 0 && resourceVersion === '' && storage.keyAt?.(resource.id, within, limit) !== undefined) return undefined;
  const joined = storage.joined?.(resource.id, within, 'items');
  return joined && { joined, resourceVersion: String(storage.revision()) };
}

/** The same as the Storage holds it. @throws ApiError */
async function listHeld(context: ApiContext, target: Target, options: ListOptions): Promise<ListResult<Held>> {
  validateListOptions(options);
  const selection = compileSelection(target, options);
  const namespace = target.namespace === '' ? undefined : target.namespace;
  const asked = options.resourceVersion ?? '';
  const version = parseListVersion(asked);
  const limit = options.limit !== undefined && options.limit > 0 ? options.limit : Number.POSITIVE_INFINITY;

  if (options.continue !== undefined && options.continue !== '') {
    if (asked !== '' && asked !== '0') throw badRequest('specifying resource version is not allowed when using continue');
    return nextPage(context, target, decodeContinue(options.continue, namespace), selection, limit);
  }
  if (isForeign(context, version)) throw expired(VERSION_TOO_OLD);
  await waitForRevision(context, version);
  // Any state will do: the limit is not worth a second page.
  if (asked === '0')
    return page(context, target, namespace, context.storage.revision(), undefined, selection, Number.POSITIVE_INFINITY);
  const exact =
    options.resourceVersionMatch === 'Exact' ||
    (version > 0 && limit < Number.POSITIVE_INFINITY && !options.resourceVersionMatch);
  try {
    return page(context, target, namespace, exact ? version : context.storage.revision(), undefined, selection, limit);
  } catch (cause) {
    if (cause instanceof CompactedError) throw expired(VERSION_TOO_OLD);
    throw cause;
  }
}

/** Objects of the collection that the selectors choose, as they are now. */
export function matching(context: ApiContext, target: Target, options: ListOptions): KubeObject[] {
  const { matches } = compileSelection(target, options);
  const objects = context.storage.list(storageIdOf(target.resource), target.namespace === '' ? undefined : target.namespace);
  return matches === undefined ? objects : objects.filter(matches);
}

/** By a name, as kubelets watch ConfigMaps and Secrets, one object is read and not all. @throws ApiError 400 */
export function compileSelection(target: Target, options: ListOptions): Selection {
  const labels = parseLabelSelector(options.labelSelector ?? '');
  const fields = parseFieldSelector(options.fieldSelector ?? '', target.resource);
  const name = requiredValue(fields, NAME) ?? (target.name === '' ? undefined : target.name);
  const isByNameAlone =
    labels.length === 0 && fields.every(({ field, equal, value }) => field === NAME && equal && value === name);
  const saysAll = isByNameAlone && (target.name === '' || target.name === name);
  const matches = filterOf(target.name, labels, fields);
  return { name, filter: saysAll ? undefined : matches, matches };
}

const NAME = 'metadata.name';

/** @param name of a path that names one object (the old /watch/ form), which selects it; "" for others */
function filterOf(
  name: string,
  labels: ReturnType<typeof parseLabelSelector>,
  fields: ReturnType<typeof parseFieldSelector>,
): Filter | undefined {
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
  selection: Selection,
  limit: number,
): Promise<ListResult<Held>> {
  const namespace = target.namespace === '' ? undefined : target.namespace;
  const tooOld = () => expired(TOKEN_TOO_OLD, encodeContinue({ revision: -1, after: position.after }, namespace === undefined));
  if (isForeign(context, position.revision)) throw tooOld();
  if (position.revision > 0) await waitForRevision(context, position.revision);
  const revision = position.revision < 0 ? context.storage.revision() : position.revision;
  try {
    return page(context, target, namespace, revision, position.after, selection, limit);
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
  selection: Selection,
  limit: number,
): ListResult<Held> {
  const id = storageIdOf(target.resource);
  const { storage } = context;
  const { name, filter } = selection;
  // What has no namespace is found by its name as well.
  const within = target.resource.namespaced || name === undefined ? namespace : '';
  const all =
    revision === storage.revision()
      ? heldBy(storage, id, within, name)
      : storage
          .listAt(id, revision, namespace)
          .filter(({ metadata }) => name === undefined || metadata.name === name)
          .map(asHeld);
  const rest = after === undefined ? all : all.filter((item) => compareKeys(item, after) > 0);
  const chosen = filter === undefined ? rest : rest.filter(({ object }) => filter(object));
  const items = chosen.slice(0, limit);
  const resourceVersion = String(revision);
  const last = items.at(-1);
  if (last === undefined || chosen.length <= items.length) return { items, resourceVersion };
  return {
    items,
    resourceVersion,
    continue: encodeContinue({ revision, after: { namespace: last.namespace, name: last.name } }, namespace === undefined),
    // With a selector nobody counts what is left.
    ...(filter === undefined && name === undefined ? { remainingItemCount: chosen.length - items.length } : {}),
  };
}
