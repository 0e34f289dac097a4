import {
  apiVersionOf,
  canonicalize,
  HawserError,
  MAX_BODY_BYTES,
  type ObjectKey,
  parseJson,
  type Question,
  resourceById,
} from '@hawser/protocol';
import type { Logger } from 'pino';
import { pause } from '../../apiserver/index.ts';
import type { Clock } from '../../clock.ts';
import type { ReadForNode } from '../../downstream/index.ts';
import { type Answer, readAnswer } from '../answer.ts';
import { type ImpersonationForm, nodeUser } from '../impersonation.ts';
import type { LogBudget } from '../log-budget.ts';
import type { CallCounts, NodeApi, NodeUser } from '../node-api.ts';
import type { ApiCall } from '../request.ts';
import { isMadeByNode } from './certificate-requests.ts';
import { planQuery } from './plan.ts';
import { isReferred } from './references.ts';

/** What queries need of the relay's cache, as `downstream/` gives it. */
export interface QueryCache {
  read(node: string, key: ObjectKey): ReadForNode;
  /** Canonical bodies, as far as they are there, of what the node needs of those resources. */
  bodiesFor(node: string, resources: ReadonlySet<string>): Iterable<string>;
  /** Why no "not found" may be said now; undefined when the caches are complete. */
  notSynced(): string | undefined;
}

/** A QueryAnswer before its body is encoded. */
export type Answered =
  | { readonly type: 'found'; readonly cached: boolean; readonly body: string }
  | {
      readonly type: 'notFound' | 'forbidden' | 'refused';
      readonly code: number;
      readonly reason: string;
      readonly message: string;
    }
  | { readonly type: 'unavailable'; readonly retryAfterMs: number; readonly message: string };

export interface Answerer {
  readonly api: NodeApi;
  readonly cache: QueryCache;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of trouble with queries, whoever asks. */
  readonly log: Pick<LogBudget, 'take'>;
  readonly counts: CallCounts;
  readonly form: () => ImpersonationForm;
}

/** The Node authorizer learns of a binding some 20 ms after the API server has told it; once more after this, then it is an answer. */
const AUTHORIZER_LAG_MS = 50;
/** An API server that takes longer is not there; a shorter deadline of the query ends the call before. */
const CALL_TIMEOUT_MS = 30_000;
/** For the agent, where the API server named no wait of its own. */
const RETRY_MS = 2_000;
/** Someone has to grant the relay a right first. */
const RELAY_REFUSED_RETRY_MS = 30_000;

/** Answers one question of a node. Never rejects. @param signal nobody waits any more: nobody reads what it resolves with then */
export async function answerQuery(answerer: Answerer, node: string, question: Question, signal: AbortSignal): Promise<Answered> {
  try {
    return await answerOf(answerer, node, question, signal);
  } catch (err) {
    // A question that we fail over is one of one device, and the others go on.
    answerer.logger.error({ err, node, resource: question.resource, name: question.name }, 'fault in a query');
    return { type: 'unavailable', retryAfterMs: RELAY_REFUSED_RETRY_MS, message: 'internal error of the relay' };
  }
}

async function answerOf(answerer: Answerer, node: string, question: Question, signal: AbortSignal): Promise<Answered> {
  const plan = planQuery(question);
  if (plan.type === 'refused') return plan;
  if (plan.type === 'cache') return fromCache(answerer, node, question, plan.key);
  const { call, rights } = plan;
  if (rights === 'relay') {
    const isTheirs = isReferred(question, (resources) => answerer.cache.bodiesFor(node, resources));
    return isTheirs ? ask(answerer, node, question, call, undefined, signal) : outside(node, question);
  }
  const user = nodeUser(node, answerer.form());
  const first = await ask(answerer, node, question, call, user, signal);
  if (first.type === 'found' && isReadOfRequests(question) && !isMadeByNode(node, first.body)) return outside(node, question);
  if (first.type !== 'forbidden') return first;
  await pause(answerer.clock, AUTHORIZER_LAG_MS, signal);
  return signal.aborted ? first : ask(answerer, node, question, call, user, signal);
}

function isReadOfRequests({ type, resource }: Question): boolean {
  return type === 'get' && resource === 'certificates.k8s.io/certificatesigningrequests';
}

function fromCache({ cache }: Answerer, node: string, question: Question, key: ObjectKey): Answered {
  const cached = cache.read(node, key);
  switch (cached.state) {
    case 'found':
      return { type: 'found', cached: true, body: cached.text };
    case 'absent':
      return { type: 'notFound', code: 404, reason: 'NotFound', message: `${nameOf(question)} not found` };
    case 'outside':
      return outside(node, question);
    case 'unavailable':
      return unavailable(cached.detail);
  }
}

/** Whether there is such an object is not said. */
function outside(node: string, question: Question): Answered {
  const message = `${nameOf(question)} is not among what node "${node}" needs`;
  return { type: 'forbidden', code: 403, reason: 'Forbidden', message };
}

async function ask(
  answerer: Answerer,
  node: string,
  question: Question,
  { method, path, body, contentType }: ApiCall,
  user: NodeUser | undefined,
  signal: AbortSignal,
): Promise<Answered> {
  const { api, counts } = answerer;
  let answer: Awaited<ReturnType<NodeApi['request']>>;
  try {
    answer = await api.request({
      method,
      path,
      ...(body === undefined ? {} : { body }),
      ...(contentType === undefined ? {} : { contentType }),
      ...(user === undefined ? {} : { impersonate: user }),
      signal,
      timeoutMs: CALL_TIMEOUT_MS,
    });
  } catch (error) {
    counts.apiCall(method, 'none');
    if (!signal.aborted) warn(answerer, { err: error, node, resource: question.resource }, 'no answer to a query');
    return unavailable(`no answer of the API server: ${messageOf(error)}`);
  }
  const { status, headers, text } = answer;
  counts.apiCall(method, status);
  if (status < 200 || status >= 300) {
    return failed(answerer, node, question, readAnswer({ status, retryAfter: headers['retry-after'], text }));
  }
  try {
    return found(question, text);
  } catch (error) {
    warn(answerer, { err: error, node, resource: question.resource }, 'answer to a query not passed on');
    return unavailable(`the answer of the API server cannot be passed on: ${messageOf(error)}`);
  }
}

function unavailable(message: string): Answered {
  return { type: 'unavailable', retryAfterMs: RETRY_MS, message };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Devices may ask as often as they like. */
function warn({ log, logger }: Answerer, facts: object, message: string): void {
  const line = log.take();
  if (line !== undefined) logger.warn({ ...facts, ...line }, message);
}

/** Objects in their canonical form, as those that are synced; what was made by asking as the API server said it. */
function found(question: Question, text: string): Answered {
  const resource = resourceById(question.resource);
  const type = resource === undefined ? undefined : { apiVersion: apiVersionOf(resource), kind: resource.kind };
  const body = question.type === 'get' ? canonicalize(text, type).body : JSON.stringify(parseJson(text));
  if (Buffer.byteLength(body) > MAX_BODY_BYTES) throw new HawserError('too_large', `the answer is over ${MAX_BODY_BYTES} bytes`);
  return { type: 'found', cached: false, body };
}

function failed(answerer: Answerer, node: string, question: Question, answer: Answer): Answered {
  switch (answer.type) {
    case 'forbidden':
      return { type: 'forbidden', ...answer.status };
    case 'refused': {
      if (answer.status.reason !== 'NotFound') return { type: 'refused', ...answer.status };
      const detail = answerer.cache.notSynced();
      return detail === undefined ? { type: 'notFound', ...answer.status } : unavailable(detail);
    }
    case 'conflict':
    case 'alreadyExists':
      return { type: 'refused', ...answer.status };
    case 'relayRefused':
      warn(answerer, { node, resource: question.resource, reason: answer.message }, 'the relay may not act as the node');
      return {
        type: 'unavailable',
        retryAfterMs: RELAY_REFUSED_RETRY_MS,
        message: `the relay lacks a right at the API server: ${answer.message}`,
      };
    case 'unavailable':
      if (isBudgets(question, answer)) return { type: 'refused', code: 429, reason: 'TooManyRequests', message: answer.message };
      return { type: 'unavailable', retryAfterMs: answer.retryAfterMs ?? RETRY_MS, message: answer.message };
    default:
      return unavailable('the API server gave an answer that is none');
  }
}

/**
 * Whether a disruption budget has said no to an eviction: the same status as of an API server that has too much to do, which names a time
 * to come back. It is an answer, and who drains a node knows it.
 */
function isBudgets(question: Question, { code, retryAfterMs }: Extract<Answer, { type: 'unavailable' }>): boolean {
  return question.type === 'submit' && question.subresource === 'eviction' && code === 429 && retryAfterMs === undefined;
}

function nameOf({ resource, namespace, name }: Question): string {
  return namespace === '' ? `${resource} "${name}"` : `${resource} "${namespace}/${name}"`;
}
