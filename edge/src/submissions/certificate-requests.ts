import { isDeepStrictEqual } from 'node:util';
import { type JsonValue, type KubeObject, parseJson } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../api/clock.ts';
import { isFields } from '../api/fields.ts';
import type { SpecialAnswer, SpecialRequest } from '../api/policy.ts';
import { badRequest, serviceUnavailable } from '../api/status.ts';
import type { Storage, StorageKey } from '../api/storage.ts';
import type { EdgeStore } from '../store/types.ts';
import type { CloudQueries } from '../upstream/index.ts';
import { keepRequests } from './kept-requests.ts';
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
  /** What is kept over a restart. */
  readonly store: Pick<EdgeStore, 'answers' | 'fact' | 'setFact'>;
  readonly storage: Storage;
  readonly queries: Pick<CloudQueries, 'ask'>;
  readonly clock: Pick<Clock, 'now' | 'after'>;
  readonly logger: Logger;
}

/**
 * CertificateSigningRequests of the kubelet beside the agent. The cluster makes them and decides on them. One that was made through here
 * is here, so that who made it can list and watch it as anywhere, also after a restart of the agent; as long as it has neither certificate
 * nor refusal the cluster is asked about it, and what has changed is written there.
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

export function createCertificateRequests({
  store,
  storage,
  queries,
  clock,
  logger,
}: CertificateRequestsOptions): CertificateRequests {
  /** In the order of their making. */
  const followed = new Map<string, Followed>();
  const ending = new AbortController();
  const now = () => clock.now().getTime();
  const kept = keepRequests(store, keyOf, logger);

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
      if (answer.type === 'found') renew(one, parseJson(answer.body), answer.body);
    } catch (err) {
      if (ending.signal.aborted) return;
      logger.error({ err, name: one.key.name }, 'certificate request not followed');
    }
    if (followed.get(one.key.name) === one) wait(one);
  }

  function renew(one: Followed, is: KubeObject, body: string): void {
    const held = storage.get(one.key);
    if (held === undefined) return;
    const object = storable(is);
    one.isSettled = isSettled(object);
    if (one.isSettled) logger.info({ name: one.key.name }, 'certificate request settled');
    if (isDeepStrictEqual(storable(held), object)) return;
    const expectedRevision = Number(held.metadata.resourceVersion);
    storage.commit({ type: 'update', key: one.key, expectedRevision, object, subresource: 'status', intent: { verb: 'update' } });
    kept.answered(one.key, body, now());
  }

  function forget(one: Followed): void {
    one.cancel();
    followed.delete(one.key.name);
    noteFollowed();
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
    const stored = follow(object, now() + KEPT_MS);
    kept.answered(keyOf(name), JSON.stringify(made), now());
    noteFollowed();
    return stored;
  }

  function follow(object: KubeObject, until: number): KubeObject {
    const { name = '' } = object.metadata;
    const key = keyOf(name);
    const one = { key, until, waitMs: FIRST_LOOK_MS, isSettled: isSettled(object), cancel: () => {} };
    const stored = storage.commit({ type: 'create', key, object });
    followed.set(name, one);
    wait(one);
    return stored;
  }

  function noteFollowed(): void {
    kept.follow([...followed.values()].map(({ key, until }) => ({ name: key.name, until })));
  }

  /** Those of the agent's last life. */
  function takeUp(): void {
    for (const { name, until, body } of kept.all().slice(-MOST_REQUESTS)) {
      const made: JsonValue = parseJson(body);
      if (isRequest(made) && made.metadata.name === name && until > now())
        follow(storable(made), Math.min(until, now() + KEPT_MS));
    }
  }

  takeUp();

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

function keyOf(name: string): StorageKey {
  return { resource: CERTIFICATE_REQUESTS, namespace: '', name };
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
