import { isDeepStrictEqual } from 'node:util';
import { type JsonValue, type KubeObject, parseJson } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../api/clock.ts';
import { isFields } from '../api/fields.ts';
import type { SpecialAnswer, SpecialRequest } from '../api/policy.ts';
import { badRequest, serviceUnavailable } from '../api/status.ts';
import type { Storage, StorageKey } from '../api/storage.ts';
import type { CloudQueries } from '../upstream/index.ts';
import { passOn } from './passed-on.ts';

export const CERTIFICATE_REQUESTS = 'certificates.k8s.io/certificatesigningrequests';

/** A kubelet has one at a time, and makes another one when it gets no certificate in a quarter of an hour. At the bound the oldest goes. */
export const MOST_REQUESTS = 8;
/** The cluster is asked how far a request is, first after the shorter time and then after half as long again each time, in milliseconds. */
const FIRST_LOOK_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** Nobody waits for it any more, in milliseconds from its making: then it goes, as the cluster takes it away after an hour. */
const KEPT_MS = 3_600_000;

export interface CertificateRequestsOptions {
  readonly storage: Storage;
  readonly queries: Pick<CloudQueries, 'ask'>;
  readonly clock: Pick<Clock, 'now' | 'after'>;
  readonly logger: Logger;
}

/**
 * CertificateSigningRequests of the kubelet beside the agent. The cluster makes them and decides on them. One that was made through here
 * is kept in memory, so that who made it can list and watch it as anywhere; as long as it has neither certificate nor refusal the cluster
 * is asked about it, and what has changed is written there.
 */
export interface CertificateRequests {
  /** @throws ApiError as `passOn`, and 400 */
  create(request: SpecialRequest): Promise<SpecialAnswer>;
  /** Those that the cluster is asked about. */
  waiting(): number;
  stop(): void;
}

interface Followed {
  readonly key: StorageKey;
  readonly until: number;
  waitMs: number;
  isSettled: boolean;
  cancel: () => void;
}

export function createCertificateRequests({ storage, queries, clock, logger }: CertificateRequestsOptions): CertificateRequests {
  /** In the order of their making. */
  const followed = new Map<string, Followed>();
  const ending = new AbortController();
  const now = () => clock.now().getTime();

  function wait(one: Followed): void {
    const left = one.until - now();
    // A clock that was set back makes nobody wait for longer.
    const inMs = Math.min(one.isSettled ? left : one.waitMs, KEPT_MS);
    one.cancel = clock.after(Math.max(0, inMs), () => {
      if (now() >= one.until) forget(one);
      else void look(one);
    });
    one.waitMs = Math.min(one.waitMs * 1.5, LONGEST_WAIT_MS);
  }

  async function look(one: Followed): Promise<void> {
    try {
      const answer = await queries.ask({ type: 'get', ...one.key }, { signal: ending.signal });
      if (followed.get(one.key.name) !== one) return;
      if (answer.type === 'notFound') return forget(one);
      if (answer.type === 'found') renew(one, parseJson(answer.body));
    } catch (err) {
      if (ending.signal.aborted) return;
      logger.error({ err, name: one.key.name }, 'certificate request not followed');
    }
    if (followed.get(one.key.name) === one) wait(one);
  }

  function renew(one: Followed, is: KubeObject): void {
    const held = storage.get(one.key);
    if (held === undefined) return;
    const object = storable(is);
    one.isSettled = isSettled(object);
    if (one.isSettled) logger.info({ name: one.key.name }, 'certificate request settled');
    if (isDeepStrictEqual(storable(held), object)) return;
    const expectedRevision = Number(held.metadata.resourceVersion);
    storage.commit({ type: 'update', key: one.key, expectedRevision, object, subresource: 'status', intent: { verb: 'update' } });
  }

  function forget(one: Followed): void {
    one.cancel();
    followed.delete(one.key.name);
    const held = storage.get(one.key);
    if (held === undefined) return;
    const { uid = '', resourceVersion } = held.metadata;
    const expected = { expectedRevision: Number(resourceVersion), expectedUid: uid };
    storage.commit({ type: 'delete', key: one.key, ...expected, gracePeriodSeconds: 0 });
  }

  function keep(made: JsonValue): KubeObject {
    if (!isRequest(made)) throw serviceUnavailable('the answer of the cluster is no certificate request', 1);
    const object = storable(made);
    const { name = '' } = object.metadata;
    const before = followed.get(name);
    if (before !== undefined) forget(before);
    for (const oldest of followed.values()) {
      if (followed.size < MOST_REQUESTS) break;
      forget(oldest);
    }
    const key = { resource: CERTIFICATE_REQUESTS, namespace: '', name };
    const one = { key, until: now() + KEPT_MS, waitMs: FIRST_LOOK_MS, isSettled: isSettled(object), cancel: () => {} };
    const stored = storage.commit({ type: 'create', key, object });
    followed.set(name, one);
    wait(one);
    return stored;
  }

  return {
    async create(request) {
      if (request.query.getAll('dryRun').some((value) => value !== '')) {
        throw badRequest('a certificate request is passed on to the cluster, which is not asked what it would do with it');
      }
      const body = JSON.stringify({
        ...request.body,
        apiVersion: 'certificates.k8s.io/v1',
        kind: 'CertificateSigningRequest',
      });
      const named = { resource: CERTIFICATE_REQUESTS, namespace: '', name: '', subresource: '' };
      return { status: 201, body: keep(await passOn(queries, request, { type: 'submit', ...named, body })) };
    },
    waiting: () => [...followed.values()].filter(({ isSettled: isOver }) => !isOver).length,
    stop() {
      ending.abort();
      for (const { cancel } of followed.values()) cancel();
    },
  };
}

/** As it is stored: its version is the device's own, and who wrote which field does not matter here. */
function storable(request: KubeObject): KubeObject {
  const { resourceVersion, managedFields, ...metadata } = request.metadata;
  return { ...request, apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata };
}

function isRequest(value: unknown): value is KubeObject {
  if (!isFields(value) || !isFields(value.metadata)) return false;
  const { name, uid } = value.metadata;
  return typeof name === 'string' && name !== '' && typeof uid === 'string';
}

/** It has its certificate, or will never have one. */
function isSettled({ status }: KubeObject): boolean {
  if (!isFields(status)) return false;
  const { certificate, conditions } = status;
  const types = Array.isArray(conditions) ? conditions.map((one: unknown) => (isFields(one) ? one.type : undefined)) : [];
  return (typeof certificate === 'string' && certificate !== '') || types.includes('Denied') || types.includes('Failed');
}
