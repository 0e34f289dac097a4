import { randomUUID } from 'node:crypto';
import type { JsonValue, KubeObject } from '@hawser/protocol';
import { type Clock, systemClock } from '../clock.ts';
import type { ApiPolicy, Identity, SpecialAnswer } from '../policy.ts';
import { methodNotAllowed } from '../status.ts';
import type { PatchType, Storage } from '../storage.ts';
import { attributesOf, requireAuthorized } from './authorize.ts';
import type { ApiContext, Target } from './context.ts';
import { create } from './create.ts';
import { type DeleteResult, remove, removeCollection } from './delete.ts';
import { tellingOfRoom } from './full-storage.ts';
import { type GetOptions, get } from './get.ts';
import { type ListResult, list } from './list.ts';
import type { ListOptions, WatchOptions } from './list-options.ts';
import type { DeleteOptions, WriteOptions } from './options.ts';
import { patch } from './patch.ts';
import { update } from './update.ts';
import { type StopWatch, type WatchEvent, type WatchSink, watch } from './watch.ts';
import { iterateWatch } from './watch-iterator.ts';

export interface RegistryOptions {
  readonly storage: Storage;
  readonly policy: ApiPolicy;
  /** Default the system's. */
  readonly clock?: Clock;
  /** Default random UUIDs. */
  readonly newUid?: () => string;
  /** Default Math.random. */
  readonly random?: () => number;
}

/**
 * The Kubernetes API without HTTP: every operation authorizes the identity, runs the policy and works on the Storage.
 * All methods reject with ApiError. Objects that come out must not be changed; objects that go in belong to the registry.
 */
export interface Registry {
  readonly context: ApiContext;
  get(identity: Identity, target: Target, options?: GetOptions): Promise<KubeObject>;
  list(identity: Identity, target: Target, options?: ListOptions): Promise<ListResult>;
  /** Delivers to the sink until it ends or is stopped. */
  watch(identity: Identity, target: Target, options: WatchOptions, sink: WatchSink): Promise<StopWatch>;
  /** The same as an iterable; the watch begins with the first `next`. */
  watchEvents(
    identity: Identity,
    target: Target,
    options?: WatchOptions,
    signal?: AbortSignal,
  ): AsyncGenerator<WatchEvent, void, undefined>;
  create(identity: Identity, target: Target, object: KubeObject, options?: WriteOptions): Promise<KubeObject>;
  update(identity: Identity, target: Target, object: KubeObject, options?: WriteOptions): Promise<KubeObject>;
  patch(identity: Identity, target: Target, patchType: PatchType, body: JsonValue, options?: WriteOptions): Promise<KubeObject>;
  delete(identity: Identity, target: Target, options?: DeleteOptions): Promise<DeleteResult>;
  deleteCollection(
    identity: Identity,
    target: Target,
    selectors?: ListOptions,
    options?: DeleteOptions,
  ): Promise<readonly KubeObject[]>;
  /** What is made by asking: a subresource that the policy answers, such as `serviceaccounts/token`. */
  submit(identity: Identity, target: Target, body: KubeObject): Promise<SpecialAnswer>;
}

export function createRegistry(options: RegistryOptions): Registry {
  const context: ApiContext = {
    storage: tellingOfRoom(options.storage),
    policy: options.policy,
    clock: options.clock ?? systemClock,
    newUid: options.newUid ?? randomUUID,
    random: options.random ?? Math.random,
  };
  const authorize = (identity: Identity, verb: string, target: Target, fieldSelector?: string) =>
    requireAuthorized(context.policy, identity, attributesOf(verb, target, fieldSelector));
  return {
    context,
    async get(identity, target, getOptions) {
      authorize(identity, 'get', target);
      return get(context, target, getOptions);
    },
    async list(identity, target, listOptions = {}) {
      authorize(identity, 'list', target, listOptions.fieldSelector);
      return list(context, target, listOptions);
    },
    async watch(identity, target, watchOptions, sink) {
      authorize(identity, 'watch', target, watchOptions.fieldSelector);
      return watch(context, target, watchOptions, sink);
    },
    watchEvents(identity, target, watchOptions = {}, signal) {
      return iterateWatch(async (sink) => {
        authorize(identity, 'watch', target, watchOptions.fieldSelector);
        return watch(context, target, watchOptions, sink);
      }, signal);
    },
    async create(identity, target, object, writeOptions) {
      authorize(identity, 'create', target);
      return create(context, identity, target, object, writeOptions);
    },
    async update(identity, target, object, writeOptions) {
      authorize(identity, 'update', target);
      return update(context, identity, target, object, writeOptions);
    },
    async patch(identity, target, patchType, body, writeOptions) {
      authorize(identity, 'patch', target);
      return patch(context, identity, target, patchType, body, writeOptions);
    },
    async delete(identity, target, deleteOptions) {
      authorize(identity, 'delete', target);
      return remove(context, identity, target, deleteOptions);
    },
    async deleteCollection(identity, target, selectors = {}, deleteOptions) {
      authorize(identity, 'deletecollection', target, selectors.fieldSelector);
      return removeCollection(context, identity, target, selectors, deleteOptions);
    },
    async submit(identity, target, body) {
      authorize(identity, 'create', target);
      const { namespace, name, subresource } = target;
      const { group, resource } = target.resource;
      const answer = await context.policy.handleSpecial({
        ...{ identity, verb: 'create', group, resource, subresource, namespace, name, body },
        query: new URLSearchParams(),
        storage: context.storage,
        now: context.clock.now(),
      });
      if (answer === undefined) throw methodNotAllowed();
      return answer;
    },
  };
}
