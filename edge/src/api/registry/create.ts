import type { KubeObject } from '@hawser/protocol';
import { timestamp } from '../clock.ts';
import type { Identity } from '../policy.ts';
import { alreadyExists, badRequest, internal } from '../status.ts';
import { ExistsError } from '../storage.ts';
import { validateCreate } from '../validate/index.ts';
import type { ApiContext, Target } from './context.ts';
import type { WriteOptions } from './options.ts';
import { prepareForCreate } from './system-fields.ts';
import { fromStored, storageKey, storedResource, toStored } from './views.ts';

/** Letters of generated names: without vowels, so that no words come out. */
const NAME_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
/** Longest prefix of a generated name, in characters; longer ones are cut so that the name stays within a DNS label. */
const MAX_PREFIX_LENGTH = 63 - SUFFIX_LENGTH;
/** Draws until a generated name is free; after that the last one collides (409). */
const MAX_NAME_DRAWS = 8;

/** @throws ApiError */
export function create(
  context: ApiContext,
  identity: Identity,
  target: Target,
  object: KubeObject,
  options: WriteOptions = {},
): KubeObject {
  const { resource, namespace } = target;
  if (object.metadata.resourceVersion !== undefined) {
    throw internal('resourceVersion should not be set on objects to be created');
  }
  requireNamespace(target, object);
  const now = context.clock.now();
  const stored = storedResource(resource);
  const prepared = prepareForCreate(stored, toStored(resource, object), context.newUid(), timestamp(now));
  if (resource.namespaced) prepared.metadata.namespace = namespace;
  const name = prepared.metadata.name ?? generateName(context, target, prepared.metadata.generateName);
  if (name !== undefined) prepared.metadata.name = name;

  const admitted = context.policy.admit({
    operation: 'create',
    identity,
    resource,
    subresource: '',
    object: prepared,
    previous: undefined,
    storage: context.storage,
    now,
  });
  validateCreate(stored, admitted);
  const key = storageKey({ ...target, name: admitted.metadata.name ?? '' });
  const existing = context.storage.get(key);
  if (existing !== undefined) throw alreadyExists(resource, key.name, existing.metadata.deletionTimestamp !== undefined);
  if (options.dryRun) return fromStored(resource, admitted);
  try {
    return fromStored(resource, context.storage.commit({ type: 'create', key, object: admitted }));
  } catch (cause) {
    if (cause instanceof ExistsError) throw alreadyExists(resource, key.name);
    throw cause;
  }
}

/** An object may leave its namespace to the path, but not contradict it. @throws ApiError 400 */
export function requireNamespace(target: Target, object: KubeObject): void {
  const given = object.metadata.namespace;
  if (given !== undefined && given !== target.namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
}

function generateName(context: ApiContext, target: Target, prefix: string | undefined): string | undefined {
  if (prefix === undefined) return undefined;
  let name = '';
  for (let draw = 0; draw < MAX_NAME_DRAWS; draw++) {
    name = prefix.slice(0, MAX_PREFIX_LENGTH);
    for (let i = 0; i < SUFFIX_LENGTH; i++) name += NAME_LETTERS[Math.floor(context.random() * NAME_LETTERS.length)];
    if (context.storage.get(storageKey({ ...target, name })) === undefined) break;
  }
  return name;
}
