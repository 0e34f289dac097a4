import type { Report, ReportOutcome } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Answer, Failure, ReadObject } from './answer.ts';
import { type ImpersonationForm, nodeUser } from './impersonation.ts';
import { labelOnRegistration } from './label.ts';
import { type CallCounts, callApi, type NodeApi } from './node-api.ts';
import { type ApiCall, planRead, planReport, rebase } from './request.ts';

/** The Node authorizer learns of a binding some 20 ms after the API server has told it; once more after this, then it is an answer. */
const AUTHORIZER_LAG_MS = 50;
/** Updates against a newer version, or patches that met another writer; after so many the agent asks again later. */
const MAX_CONFLICTS = 4;
/** For the agent, where the API server named no wait of its own. */
const RETRY_MS = 2_000;
/** Someone has to grant the relay a right first. */
const RELAY_REFUSED_RETRY_MS = 30_000;

export interface Performer {
  readonly api: NodeApi;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counts: CallCounts;
  readonly form: () => ImpersonationForm;
  /** Set the edge label on a Node that its agent registers. */
  readonly labelNodes: boolean;
}

/**
 * Does what a report asks for, as the node, and says how it ended. Effects are idempotent, since reports come at least once: what
 * the same report did before is answered as applied or refused, never done twice to another object. Never rejects.
 */
export async function perform(performer: Performer, node: string, report: Report): Promise<ReportOutcome> {
  const planned = planReport(report);
  if (planned.type === 'refused') return planned;
  const asNode = (call: ApiCall) => callApi(performer, call, nodeUser(node, performer.form()));
  let { call } = planned;
  let mayLag = true;
  let conflicts = 0;
  for (;;) {
    const answer = await asNode(call);
    switch (answer.type) {
      case 'forbidden':
        if (!mayLag) return { type: 'refused', ...answer.status };
        mayLag = false;
        await pause(performer.clock, AUTHORIZER_LAG_MS);
        continue;
      case 'conflict': {
        conflicts += 1;
        const again = conflicts > MAX_CONFLICTS ? undefined : resolution(report);
        if (again === undefined) return afterConflict(report, answer.status);
        if (again === 'readAgain') {
          const current = await asNode(planRead(report, planned.resource));
          if (current.type !== 'object') return ending(performer, node, report, current);
          // Of the successor of what the device meant, nothing is written.
          if (report.uid !== undefined && current.object.uid !== report.uid) return { type: 'refused', ...answer.status };
          call = rebase(call, current.object.resourceVersion);
        }
        continue;
      }
      case 'alreadyExists': {
        if (!isOnlyThisNodes(report, node)) return { type: 'refused', ...answer.status };
        const current = await asNode(planRead(report, planned.resource));
        return current.type === 'object'
          ? written(performer, node, report, current.object)
          : ending(performer, node, report, current);
      }
      case 'object':
        return written(performer, node, report, answer.object);
      default:
        return ending(performer, node, report, answer);
    }
  }
}

/** What a conflict is met with: an update names a version, so a newer one is looked up; the server merges a patch anew by itself. */
function resolution({ operation }: Report): 'readAgain' | 'repeat' | undefined {
  switch (operation.type) {
    case 'update':
      return 'readAgain';
    case 'patch':
      return 'repeat';
    // A delete met its precondition: the object is another one.
    case 'remove':
    case 'create':
      return undefined;
  }
}

/** Other writers are no reason to give up; a precondition that does not hold is. */
function afterConflict(report: Report, status: Failure): ReportOutcome {
  const isContention =
    report.operation.type === 'update' || (report.operation.type === 'patch' && !namesVersion(report.operation.body));
  return isContention ? { type: 'unavailable', retryAfterMs: RETRY_MS, message: status.message } : { type: 'refused', ...status };
}

function namesVersion(patch: string): boolean {
  return patch.includes('resourceVersion');
}

/** The objects that are one per node and bear its name: to find one that exists is to have created it. */
function isOnlyThisNodes({ resource, namespace, name, subresource }: Report, node: string): boolean {
  if (name !== node || subresource !== '') return false;
  return (
    resource === 'nodes' ||
    resource === 'storage.k8s.io/csinodes' ||
    (resource === 'coordination.k8s.io/leases' && namespace === 'kube-node-lease')
  );
}

async function written(performer: Performer, node: string, report: Report, object: ReadObject): Promise<ReportOutcome> {
  const isRegistration = report.resource === 'nodes' && report.operation.type === 'create' && object.name === node;
  if (isRegistration && performer.labelNodes) {
    const unavailable = await labelOnRegistration(performer, object);
    if (unavailable !== undefined) return ending(performer, node, report, unavailable);
  }
  const isGone = report.operation.type === 'remove' && !object.isHeld;
  return {
    type: 'applied',
    uid: object.uid,
    resourceVersion: isGone ? undefined : object.resourceVersion,
    name: object.name,
  };
}

function ending(performer: Performer, node: string, report: Report, answer: Exclude<Answer, { type: 'object' }>): ReportOutcome {
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
    case 'relayRefused':
      performer.logger.error({ node, resource: report.resource, reason: answer.message }, 'the relay may not act as the node');
      return {
        type: 'unavailable',
        retryAfterMs: RELAY_REFUSED_RETRY_MS,
        message: `the relay lacks a right at the API server: ${answer.message}`,
      };
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
