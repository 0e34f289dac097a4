import { apiVersionOf, type ObjectKey, objectKey, type Report, type ReportOutcome, type Version } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { isMadeBy } from './already-exists.ts';
import type { Answer, Failure, ReadObject } from './answer.ts';
import { type CallPool, verdictOf } from './call-pool.ts';
import { contradiction, effectOf } from './effect.ts';
import { type ImpersonationForm, nodeUser } from './impersonation.ts';
import { labelOnRegistration } from './label.ts';
import { LogBudget } from './log-budget.ts';
import { type CallCounts, callApi, type NodeApi, type NodeUser } from './node-api.ts';
import type { NodeMarks } from './node-marks.ts';
import { OwnVersions } from './own-versions.ts';
import { isEvent } from './report-lane.ts';
import {
  type ApiCall,
  isKubeletWrite,
  type PlannedCall,
  planRead,
  planReport,
  planStrategicPatch,
  rebase,
  withPatch,
} from './request.ts';

/** The Node authorizer learns of a binding some 20 ms after the API server has told it; once more after this, then it is an answer. */
const AUTHORIZER_LAG_MS = 50;
/** Updates against a newer version, or patches that met another writer; after so many the agent asks again later. */
const MAX_CONFLICTS = 4;
/** For the agent, where the API server named no wait of its own. */
const RETRY_MS = 2_000;
/** Someone has to grant the relay a right first. */
const RELAY_REFUSED_RETRY_MS = 30_000;

/** How much of a patch had to be sent. */
export type Sent = 'nothing' | 'less' | 'whole';

export interface Performer {
  readonly api: NodeApi;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counts: CallCounts & {
    /** A strategic patch of a Node or pod was answered. */
    patchSent(how: Sent): void;
  };
  readonly pool: Pick<CallPool, 'begin' | 'end'>;
  /** What the relay knows of an object that the node needs; undefined where it knows nothing, or not surely. */
  readonly cached: (node: string, key: ObjectKey) => CachedObject | undefined;
  readonly form: () => ImpersonationForm;
  /** Set on a Node that its agent registers. */
  readonly marks: NodeMarks;
}

export interface CachedObject {
  readonly version: Version;
  /** Canonical body. */
  readonly text: string;
}

/** What is remembered of a node for as long as its session lasts. */
export interface ReportSession {
  readonly node: string;
  readonly versions: OwnVersions;
  readonly log: LogBudget;
}

export function openReportSession(node: string, clock: Clock): ReportSession {
  return { node, versions: new OwnVersions(), log: new LogBudget(clock) };
}

/**
 * Does what a report asks for, as the node, and says how it ended. Effects are idempotent, since reports come at least once: what
 * the same report did before is answered as applied or refused, never done twice to another object. Rejects only for a fault of the relay.
 */
export async function perform(performer: Performer, session: ReportSession, report: Report): Promise<ReportOutcome> {
  const planned = planReport(report);
  if (planned.type === 'refused') return planned;
  const key = isKept(report, session.node) ? objectKey(report.resource, report.namespace, report.name) : undefined;
  const less = key === undefined ? undefined : smaller(performer, session, report, planned, key);
  if (less?.type === 'applied') return less;
  const outcome = await done(performer, session, report, planned, less?.call);
  if (key !== undefined) {
    if (outcome.type === 'applied' && outcome.resourceVersion !== undefined) {
      session.versions.reached(key, outcome.resourceVersion);
    } else if (outcome.type !== 'refused') {
      session.versions.forget(key);
    }
  }
  return outcome;
}

/** What the relay has of its devices at hand, and their kubelets write over and over: the Node itself and its pods' statuses. */
function isKept({ resource, name, subresource, operation }: Report, node: string): boolean {
  if (resource === 'pods') return subresource === 'status' || operation.type === 'remove';
  return resource === 'nodes' && name === node;
}

/** What need not be sent of a patch, by what the relay knows: see OwnVersions for why that is right. */
function smaller(
  performer: Performer,
  { node, versions }: ReportSession,
  { uid, name, operation }: Report,
  { body: patch, call, namesVersion }: PlannedCall,
  key: ObjectKey,
): Extract<ReportOutcome, { type: 'applied' }> | { readonly type: 'less'; readonly call: ApiCall } | undefined {
  if (operation.type !== 'patch' || operation.patchType !== 'strategic' || patch === undefined) return undefined;
  const cached = namesVersion || uid === undefined ? undefined : performer.cached(node, key);
  if (cached === undefined || cached.version.uid !== uid || !versions.isReachedBy(key, cached.version.resourceVersion)) {
    performer.counts.patchSent('whole');
    return undefined;
  }
  const { resourceVersion } = cached.version;
  const effect = effectOf(cached.text, patch);
  performer.counts.patchSent(effect.type);
  switch (effect.type) {
    case 'nothing':
      return { type: 'applied', uid, resourceVersion, name };
    case 'less':
      return { type: 'less', call: withPatch(call, effect.patch, uid, resourceVersion) };
    case 'whole':
      return undefined;
  }
}

async function done(
  performer: Performer,
  session: ReportSession,
  report: Report,
  planned: PlannedCall,
  less: ApiCall | undefined,
): Promise<ReportOutcome> {
  const { node } = session;
  const asNode = (call: ApiCall) => pooled(performer, node, call, nodeUser(node, performer.form()), report.subresource);
  let call = less ?? planned.call;
  let isLess = less !== undefined;
  let mayLag = true;
  let conflicts = 0;
  for (;;) {
    const answer = await asNode(call);
    if (isLess && (answer.type === 'conflict' || answer.type === 'refused')) {
      // Meant for a version that is no longer there, or for an object that is gone: the report itself has the last word.
      isLess = false;
      call = planned.call;
      continue;
    }
    switch (answer.type) {
      case 'forbidden':
        if (!mayLag) return { type: 'refused', ...answer.status };
        mayLag = false;
        await pause(performer.clock, AUTHORIZER_LAG_MS);
        continue;
      case 'conflict': {
        conflicts += 1;
        const again = resolution(report, planned);
        if (again === undefined) return { type: 'refused', ...answer.status };
        if (conflicts > MAX_CONFLICTS) {
          // Other writers are no reason to give up.
          return { type: 'unavailable', retryAfterMs: RETRY_MS, message: answer.status.message };
        }
        if (again === 'readAgain') {
          const current = await asNode(planRead(report, planned.resource));
          if (current.type !== 'object') return ending(performer, session, report, current);
          // Of the successor of what the device meant, nothing is written.
          if (report.uid !== undefined && current.object.uid !== report.uid) return { type: 'refused', ...answer.status };
          call = rebase(call, current.object.resourceVersion);
        }
        continue;
      }
      case 'alreadyExists': {
        const found = await before(asNode, report, planned, node, answer.status);
        if (found === 'goneSince' && conflicts < MAX_CONFLICTS) {
          conflicts += 1;
          continue;
        }
        if (found === 'goneSince') return { type: 'unavailable', retryAfterMs: RETRY_MS, message: answer.status.message };
        return found.type === 'object'
          ? written(performer, session, report, found.object, false)
          : ending(performer, session, report, found);
      }
      case 'object':
        return written(performer, session, report, answer.object, true);
      case 'unavailable': {
        const wrong = answer.code === 500 ? contradictionOf(report, planned) : undefined;
        if (wrong !== undefined) return { type: 'refused', code: 400, reason: 'BadRequest', message: wrong };
        return ending(performer, session, report, answer);
      }
      default:
        return ending(performer, session, report, answer);
    }
  }
}

/** One call, of which the pool is told. */
async function pooled(
  performer: Performer,
  node: string,
  call: ApiCall,
  user: NodeUser | undefined,
  subresource: string,
): Promise<Answer> {
  const begun = performer.pool.begin(node);
  const answer = await callApi(performer, call, user);
  const verdict = verdictOf(answer, subresource === 'eviction');
  const retryAfterMs = answer.type === 'unavailable' ? answer.retryAfterMs : undefined;
  const reason = answer.type === 'unavailable' || answer.type === 'relayRefused' ? answer.message : '';
  performer.pool.end(begun, verdict, retryAfterMs, reason);
  return answer;
}

/**
 * What a conflict is met with: an update is made against a newer version, which is looked up; the server merges a patch anew by itself. A
 * patch that names a version is about that one only, and a delete met its precondition: the object is another one.
 */
function resolution({ operation }: Report, { namesVersion }: PlannedCall): 'readAgain' | 'repeat' | undefined {
  switch (operation.type) {
    case 'update':
      return 'readAgain';
    case 'patch':
      return namesVersion ? undefined : 'repeat';
    case 'remove':
    case 'create':
      return undefined;
  }
}

/**
 * What a create found in its place: the object, where the same create made it before and its answer was lost, or where it is one that
 * is there once for each node; otherwise the refusal.
 */
async function before(
  asNode: (call: ApiCall) => Promise<Answer>,
  report: Report,
  { resource, body = {} }: PlannedCall,
  node: string,
  status: Failure,
): Promise<Answer | 'goneSince'> {
  const refused: Answer = { type: 'alreadyExists', status };
  if (report.subresource !== '' || report.name === '') return refused;
  if (isEvent(report.resource)) {
    // Its name is the device's own and is used once. A node may not read Events, and one that was counted up meanwhile has to say so:
    // a patch with what the create says does both.
    const { apiVersion: _a, kind: _k, metadata: _m, ...rest } = body;
    const told = await asNode(planStrategicPatch(report, resource, rest));
    return isNotFound(told) ? 'goneSince' : told;
  }
  const current = await asNode(planRead(report, resource));
  if (isNotFound(current)) return 'goneSince';
  // Whether it is ours cannot be seen.
  if (current.type === 'forbidden' || (current.type === 'relayRefused' && current.code === 403)) return refused;
  if (current.type !== 'object' || isOnlyThisNodes(report, node)) return current;
  return isMadeBy(body, current.object.body, node) ? current : refused;
}

function isNotFound(answer: Answer): boolean {
  return answer.type === 'refused' && answer.status.reason === 'NotFound';
}

/** The objects that are one per node and bear its name: to find one that exists is to have created it. */
function isOnlyThisNodes({ resource, namespace, name }: Report, node: string): boolean {
  if (name !== node) return false;
  return (
    resource === 'nodes' ||
    resource === 'storage.k8s.io/csinodes' ||
    (resource === 'coordination.k8s.io/leases' && namespace === 'kube-node-lease')
  );
}

function contradictionOf({ operation }: Report, { resource, body }: PlannedCall): string | undefined {
  if (operation.type !== 'patch' || operation.patchType !== 'strategic' || body === undefined) return undefined;
  return contradiction({ apiVersion: apiVersionOf(resource), kind: resource.kind }, body);
}

async function written(
  performer: Performer,
  session: ReportSession,
  report: Report,
  object: ReadObject,
  isNew: boolean,
): Promise<ReportOutcome> {
  const { node } = session;
  if (report.resource === 'nodes' && report.operation.type === 'create' && object.name === node) {
    const { logger, marks } = performer;
    const ask = (call: ApiCall) => pooled(performer, node, call, undefined, '');
    const askAsNode = (call: ApiCall) => pooled(performer, node, call, nodeUser(node, performer.form()), '');
    const unavailable = await labelOnRegistration({ ask, askAsNode, logger, marks }, object, isNew);
    if (unavailable !== undefined) return ending(performer, session, report, unavailable);
  }
  const isGone = report.operation.type === 'remove' && !object.isHeld;
  return {
    type: 'applied',
    uid: object.uid,
    resourceVersion: isGone ? undefined : object.resourceVersion,
    name: object.name,
  };
}

function ending(
  performer: Performer,
  { node, log }: ReportSession,
  report: Report,
  answer: Exclude<Answer, { type: 'object' }>,
): ReportOutcome {
  switch (answer.type) {
    case 'success': {
      const uid = report.uid ?? answer.uid;
      const message = 'the API server did not say which object it was';
      return uid === undefined
        ? { type: 'unavailable', retryAfterMs: RETRY_MS, message }
        : { type: 'applied', uid, resourceVersion: undefined, name: report.name };
    }
    case 'unavailable':
      return { type: 'unavailable', retryAfterMs: answer.retryAfterMs ?? RETRY_MS, message: answer.message };
    case 'relayRefused': {
      // What nobody may ever have meant to grant is a line as any other refusal: a device must not cry for the operator.
      if (answer.code === 403 && !isKubeletWrite(report)) {
        return { type: 'refused', code: 403, reason: 'Forbidden', message: `the relay is not granted it: ${answer.message}` };
      }
      const line = log.take();
      if (line !== undefined) {
        const { resource } = report;
        performer.logger.error({ node, resource, reason: answer.message, ...line }, 'the relay may not act as the node');
      }
      return {
        type: 'unavailable',
        retryAfterMs: RELAY_REFUSED_RETRY_MS,
        message: `the relay lacks a right at the API server: ${answer.message}`,
      };
    }
    case 'forbidden':
    case 'refused':
    case 'conflict':
    case 'alreadyExists':
      return { type: 'refused', ...answer.status };
  }
}

function pause(clock: Clock, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(milliseconds, resolve);
  });
}
