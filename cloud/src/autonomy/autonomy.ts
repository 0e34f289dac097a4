import {
  AUTONOMY_ANNOTATION,
  annotationsOf,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type ObjectKey,
  objectKey,
  parseJson,
  parseObjectKey,
  resourceById,
  resourcePath,
  STOP_AFTER_ANNOTATION,
  TOLERATES_ANNOTATION,
  type Version,
} from '@hawser/protocol';
import type { Logger } from 'pino';
import { createBackoff, pause } from '../apiserver/index.ts';
import type { Clock } from '../clock.ts';
import { type Answer, type CallCounts, callApi, LogBudget, type NodeApi } from '../upstream/index.ts';
import { type AutonomyWord, type PodPlan, planPod, readAutonomy } from './plan.ts';
import { EVENTS_PATH, type NodeTexts, problemEvent, problemsOf } from './problems.ts';
import { Turns } from './turns.ts';

/** What the relay knows of Nodes and pods; `downstream/` has it. */
export interface KnownObjects {
  /** The canonical body, where an edge node needs it and it has come. */
  body(key: ObjectKey): { readonly version: Version; readonly text: string } | undefined;
  /** Pods that are bound to an edge node; none of any other node. */
  podsOf(node: string): Iterable<ObjectKey>;
  /** Edge nodes that need the object: of a pod, the one that it is bound to. */
  neededBy(key: ObjectKey): Iterable<string>;
  /** Whether this replica has the node's session. */
  hasSession(node: string): boolean;
}

export interface AutonomyOptions {
  readonly objects: KnownObjects;
  readonly api: NodeApi;
  readonly clock: Clock;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  readonly logger: Logger;
  /** Told in Events which relay writes: its host's name. */
  readonly instance: string;
  readonly counts: CallCounts;
  readonly onResult: (result: AutonomyResult) => void;
}

/**
 * - lengthened, restored: the pod's toleration was changed
 * - conflict: the pod had changed meanwhile; its next version is looked at
 * - forbidden: the relay may not patch pods; tried again after FORBIDDEN_PAUSE_MS
 * - failed: refused for good; that pod is left alone until its node's annotation changes
 */
export type AutonomyResult = 'lengthened' | 'restored' | 'conflict' | 'forbidden' | 'failed';

/** Keeps the pods of Nodes that carry `hawser.dev/autonomy` from eviction for that long: see docs/autonomy.md. */
export interface Autonomy {
  /** The object has changed, come or gone, or its body has come. To be called after `objects` knows. Never throws. */
  changed(key: ObjectKey): void;
  counts(): AutonomyCounts;
  /** Resolves when nothing runs. What waits is found again by the next start. */
  stop(): Promise<void>;
}

export interface AutonomyCounts {
  /** Edge nodes by what their annotation says; those without it are not counted. */
  readonly nodes: { readonly span: number; readonly forever: number; readonly invalid: number };
  /** Pods that wait for a call of the API server. */
  readonly waiting: number;
}

/** Between two calls: at most twenty a second, so that annotating a fleet is no load. In milliseconds. */
const PAUSE_MS = 50;
/**
 * A replica without the node's session leaves the work to the one that has it, and does it when it is still undone then. What is to be
 * restored waits too: a replica that sees a pod's change before that of its Node would undo what another has just done. Each replica
 * waits its own time, from this to three times as long, in milliseconds.
 */
const LATER_MS = 5_000;
/** A right that is missing is given by people. In milliseconds. */
const FORBIDDEN_PAUSE_MS = 5 * 60_000;

/** As it stands in JSON; a key of managedFields has a prefix. */
const NEEDLES = [AUTONOMY_ANNOTATION, STOP_AFTER_ANNOTATION].map((name) => JSON.stringify(name));
const MARK = JSON.stringify(TOLERATES_ANNOTATION);

export function createAutonomy(options: AutonomyOptions): Autonomy {
  const { objects, clock, random, logger, instance, onResult } = options;
  const stopping = new AbortController();
  const backoff = createBackoff(random);
  /** One entry for each edge node whose body is known. */
  const nodes = new Map<string, NodeTexts>();
  const pods = new Turns<ObjectKey>(LATER_MS + random() * 2 * LATER_MS);
  /** Events that wait, by Node: what it says now, which is two problems at the most. */
  const events = new Map<string, readonly JsonObject[]>();
  const log = new LogBudget(clock);
  /** Pods that the API server does not let us change, and their uids. */
  const failed = new Map<ObjectKey, string>();
  let isForbidden = false;
  let wasEvent = false;
  let isRunning = false;
  let running = Promise.resolve();
  let cancelTimer = () => {};

  function nodeChanged(name: string): void {
    const body = objects.body(objectKey('nodes', '', name));
    if (body === undefined) {
      nodes.delete(name);
      events.delete(name);
      return;
    }
    const before = nodes.get(name);
    const texts = textsOf(body.text, body.version.uid);
    nodes.set(name, texts);
    if (before !== undefined && sameTexts(before, texts)) return;
    events.delete(name);
    const problems = problemsOf(texts);
    if (problems.length > 0) {
      events.set(
        name,
        problems.map((problem) => problemEvent(name, texts.uid, problem, instance, clock.now())),
      );
    }
    for (const { reason, message: detail } of problems) {
      const line = log.take();
      if (line !== undefined) logger.warn({ node: name, reason, detail, ...line }, 'autonomy of a node is not as it should be');
    }
    for (const pod of objects.podsOf(name)) {
      failed.delete(pod);
      podChanged(pod);
    }
    wake();
  }

  function podChanged(key: ObjectKey): void {
    const plan = planOf(key);
    if (plan?.type !== 'patch') {
      pods.drop(key);
      return;
    }
    const [node] = objects.neededBy(key);
    const isOurs = node !== undefined && objects.hasSession(node) && plan.does === 'lengthen';
    pods.put(key, isOurs ? 'now' : 'later', clock.now().getTime());
    wake();
  }

  /** Undefined while too little is known, or where nothing can follow from what is. */
  function planOf(key: ObjectKey): PodPlan | undefined {
    const [node] = objects.neededBy(key);
    const texts = node === undefined ? undefined : nodes.get(node);
    const body = objects.body(key);
    if (texts === undefined || body === undefined || failed.get(key) === body.version.uid) return undefined;
    const word: AutonomyWord = readAutonomy(texts.autonomy);
    if (word === 'invalid' || (word === 'none' && !body.text.includes(MARK))) return undefined;
    return planPod(parse(body.text), word === 'none' ? undefined : word);
  }

  function wake(): void {
    if (!isRunning && !stopping.signal.aborted) running = run();
  }

  async function run(): Promise<void> {
    isRunning = true;
    cancelTimer();
    // In a later turn: the wish comes from within a change that is being applied.
    await undefined;
    for (let waitMs = await step(); waitMs !== undefined; waitMs = await step()) await pause(clock, waitMs, stopping.signal);
    isRunning = false;
    const dueMs = pods.soonestMs();
    if (Number.isFinite(dueMs) && !stopping.signal.aborted) {
      cancelTimer = clock.after(Math.max(0, dueMs - clock.now().getTime()), wake);
    }
  }

  /**
   * Does the next that is due. Events and pods take turns: a device may change the annotation of its Node without end, and is to hold
   * up no pod. @returns how long to wait before another; undefined when nothing is due
   */
  async function step(): Promise<number | undefined> {
    if (stopping.signal.aborted) return undefined;
    const [next] = events;
    if (next !== undefined && !wasEvent) return tell(...next);
    wasEvent = false;
    for (let key = pods.take(now()); key !== undefined; key = pods.take(now())) {
      const plan = planOf(key);
      if (plan?.type === 'patch') return patch(key, plan);
    }
    return next === undefined ? undefined : tell(...next);
  }

  async function tell(node: string, waiting: readonly JsonObject[]): Promise<number> {
    wasEvent = true;
    const [event = {}, ...others] = waiting;
    const answer = await call('POST', EVENTS_PATH, event);
    if (answer.type === 'unavailable') return waitAfter(answer.message, answer.retryAfterMs);
    if (answer.type === 'relayRefused') return waitAfter(answer.message, undefined);
    backoff.reset();
    // Unless the Node says something else by now.
    if (events.get(node) === waiting) {
      events.delete(node);
      if (others.length > 0) events.set(node, others);
    }
    if (answer.type === 'forbidden' || answer.type === 'refused') {
      logger.warn({ reason: answer.status.message }, 'event about autonomy not taken');
    }
    return PAUSE_MS;
  }

  async function patch(key: ObjectKey, { does, body }: Extract<PodPlan, { type: 'patch' }>): Promise<number> {
    const version = objects.body(key)?.version;
    const resource = resourceById('pods');
    if (version === undefined || resource === undefined) return 0;
    const { namespace, name } = parseObjectKey(key);
    const { uid, resourceVersion } = version;
    const answer = await call('PATCH', resourcePath(resource, namespace, name), {
      ...body,
      metadata: { ...body.metadata, uid, resourceVersion },
    });
    switch (answer.type) {
      case 'object':
        backoff.reset();
        isForbidden = false;
        onResult(does === 'lengthen' ? 'lengthened' : 'restored');
        return PAUSE_MS;
      case 'alreadyExists':
      case 'conflict':
        onResult('conflict');
        return PAUSE_MS;
      case 'forbidden':
        if (!isForbidden) logger.error({ reason: answer.status.message }, 'autonomy has no effect: the relay may not patch pods');
        isForbidden = true;
        onResult('forbidden');
        pods.put(key, 'now', now());
        return FORBIDDEN_PAUSE_MS;
      case 'refused':
        if (answer.status.code !== 404) {
          logger.warn({ key, reason: answer.status.message }, 'tolerations of a pod not changed');
          failed.set(key, uid);
          onResult('failed');
        }
        return PAUSE_MS;
      case 'success':
        return waitAfter('the API server answered without the pod', undefined, key);
      default:
        return waitAfter(answer.message, answer.type === 'unavailable' ? answer.retryAfterMs : undefined, key);
    }
  }

  function waitAfter(why: string, retryAfterMs: number | undefined, key?: ObjectKey): number {
    if (key !== undefined) pods.put(key, 'now', now());
    const waitMs = Math.max(PAUSE_MS, backoff.next(retryAfterMs));
    logger.warn({ why, waitMs, waiting: pods.size + events.size }, 'autonomy waits for the API server');
    return waitMs;
  }

  function call(method: 'POST' | 'PATCH', path: string, body: JsonObject): Promise<Answer> {
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    return callApi(options, { method, path, body: JSON.stringify(body), contentType }, undefined);
  }

  const now = () => clock.now().getTime();

  return {
    changed(key) {
      if (stopping.signal.aborted) return;
      if (key.startsWith('nodes/')) nodeChanged(parseObjectKey(key).name);
      else if (key.startsWith('pods/')) {
        if (objects.body(key) === undefined) failed.delete(key);
        podChanged(key);
      }
    },
    counts() {
      const count = { span: 0, forever: 0, invalid: 0 };
      for (const { autonomy } of nodes.values()) {
        const word = readAutonomy(autonomy);
        if (word !== 'none') count[typeof word === 'number' ? 'span' : word] += 1;
      }
      return { nodes: count, waiting: pods.size };
    },
    async stop() {
      stopping.abort();
      cancelTimer();
      await running;
    },
  };
}

function textsOf(text: string, uid: string): NodeTexts {
  if (!NEEDLES.some((needle) => text.includes(needle))) return { uid, autonomy: undefined, stopAfter: undefined };
  const annotations = annotationsOf(parse(text));
  const read = (name: string) => {
    const value = annotations[name];
    return typeof value === 'string' ? value : undefined;
  };
  return { uid, autonomy: read(AUTONOMY_ANNOTATION), stopAfter: read(STOP_AFTER_ANNOTATION) };
}

function sameTexts(a: NodeTexts, b: NodeTexts): boolean {
  return a.uid === b.uid && a.autonomy === b.autonomy && a.stopAfter === b.stopAfter;
}

/** A canonical body is a JSON object. */
function parse(text: string): JsonObject {
  const value: JsonValue = parseJson(text);
  return isJsonObject(value) ? value : {};
}
