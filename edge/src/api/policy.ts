import type { ApiResource, KubeObject } from '@hawser/protocol';
import type { Storage, StorageKey } from './storage.ts';

/**
 * What differs between the servers that are built from this API: who may come in, who may do what, and what happens to an
 * object on its way into the Storage. The device's policy is in `edge/`, the cluster's in `test/apiserver`.
 */
export interface ApiPolicy {
  /**
   * Who sent the request. Undefined: nobody that is known (401). The attributes are there because a right to impersonate can
   * depend on what is asked for.
   * @throws ApiError for an impersonation that is refused
   */
  authenticate(credentials: Credentials, attributes: RequestAttributes): Identity | undefined;
  /** Whether that identity may do this; runs before routing, as in Kubernetes: without rights one gets 403 for what does not exist. */
  authorize(identity: Identity, attributes: RequestAttributes): Decision;
  /**
   * Runs on every write after decoding and before validation and the Storage: sets defaults, refuses (by throwing ApiError).
   * Returns the object to store. The API itself has already set name, namespace, uid, creationTimestamp and generation.
   */
  admit(admission: Admission): KubeObject;
  /** Decides what a delete does; see DeletePlan. */
  planDelete(request: DeleteRequest): DeletePlan;
  /** Stored resources that the server speaks for; any other is unknown there. Default: all of protocol's table, with all verbs. */
  readonly served?: readonly ServedResource[];
  /** Resources that are not stored and that `handleSpecial` answers (reviews, bindings), for discovery and routing. Default none. */
  readonly specialResources?: readonly SpecialResource[];
  /**
   * What a resourceVersion means that is above the Storage's newest revision.
   * - `unreached` (default): another server of the cluster has been there. Reads wait for it, a watch is silent until then
   * - `foreign`: this server alone gives them out, so it is of a Storage that was here before this one: lists and watches begin anew (410)
   */
  readonly versionsAhead?: 'unreached' | 'foreign';
  /**
   * Looks for an object that is read by its name and that the Storage does not hold. Undefined: there is none (404). What is found is
   * shown with the Storage's position as its resourceVersion. Default: there is none.
   * @throws ApiError where nothing can be said about it, or nothing may; the reason of the signal
   */
  findElsewhere?(miss: Miss): Promise<KubeObject | undefined> | undefined;
  /** Answers subresources and verbs that are more than a stored object (binding, eviction, token, approval, reviews). Undefined: 404 or 405. */
  handleSpecial(request: SpecialRequest): SpecialAnswer | Promise<SpecialAnswer> | undefined;
}

export interface Credentials {
  readonly bearerToken: string | undefined;
  /** Subject of the verified client certificate. */
  readonly certificate: { readonly commonName: string; readonly organizations: readonly string[] } | undefined;
  readonly impersonate: {
    readonly user: string | undefined;
    readonly groups: readonly string[];
    readonly uid: string | undefined;
  };
  readonly remoteAddress: string;
}

export interface Identity {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
  /** The caller behind an impersonated identity. */
  readonly impersonatedBy?: Identity;
}

export interface RequestAttributes {
  readonly verb: string;
  readonly path: string;
  /** Undefined for paths that are no resource (/version, /api, /healthz). */
  readonly resource: ResourceAttributes | undefined;
}

export interface ResourceAttributes {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly fieldSelector: string;
}

export type Decision = { readonly allowed: true } | { readonly allowed: false; readonly reason: string };

export interface Admission {
  readonly operation: 'create' | 'update';
  readonly identity: Identity;
  /** As in the path of the request; the objects are in the form in which they are stored (events: always core). */
  readonly resource: ApiResource;
  readonly subresource: string;
  readonly object: KubeObject;
  /** Absent for create. */
  readonly previous: KubeObject | undefined;
  readonly storage: Storage;
  readonly now: Date;
}

export interface DeleteRequest {
  readonly identity: Identity;
  readonly resource: ApiResource;
  readonly object: KubeObject;
  /** From DeleteOptions or the query; undefined when the client said nothing. */
  readonly gracePeriodSeconds: number | undefined;
  readonly propagationPolicy: string | undefined;
  readonly now: Date;
  readonly storage: Storage;
}

export interface Miss {
  /** As it is stored. */
  readonly resource: ApiResource;
  readonly key: StorageKey;
  /** How long whoever asks waits, in milliseconds. */
  readonly deadlineMs: number | undefined;
  /** Nobody waits any more. */
  readonly signal: AbortSignal | undefined;
  /** For what is to be known beside the answer, whichever it is. */
  readonly warn: (text: string) => void;
}

export type DeletePlan =
  /** Remove now (the API still honours finalizers by itself). */
  | { readonly type: 'remove' }
  /** Store this first (deletionTimestamp, grace) and wait for the final delete. */
  | { readonly type: 'mark'; readonly object: KubeObject }
  /** Store this and then remove: a last MODIFIED before DELETED (a pod with grace 0). */
  | { readonly type: 'markAndRemove'; readonly object: KubeObject }
  /** Already under way: nothing changes. */
  | { readonly type: 'unchanged' };

/** A stored resource as one server has it: with the subresources and verbs that it serves. */
export interface ServedResource {
  readonly resource: ApiResource;
  /** Of the resource itself. A subresource has those of its kind; which of them are allowed is for `authorize` to say. */
  readonly verbs: readonly string[];
  /** Those of the verbs that `handleSpecial` answers, although the resource is stored. Default none. */
  readonly special?: readonly string[];
}

/** A resource without stored objects: `tokenreviews`, `bindings`. */
export interface SpecialResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

export interface SpecialRequest {
  readonly identity: Identity;
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly body: KubeObject | undefined;
  readonly query: URLSearchParams;
  readonly storage: Storage;
  readonly now: Date;
  /** How long whoever asks waits, in milliseconds. */
  readonly deadlineMs?: number | undefined;
  /** Nobody waits any more. */
  readonly signal?: AbortSignal;
}

export interface SpecialAnswer {
  readonly status: number;
  readonly body: KubeObject;
  /** Sent as `Warning` headers, which clients show to people. */
  readonly warnings?: readonly string[];
}
