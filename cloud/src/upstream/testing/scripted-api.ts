import assert from 'node:assert/strict';
import type { Report, ReportOutcome } from '@hawser/protocol';
import { pino } from 'pino';
import type { Clock } from '../../clock.ts';
import type { Verdict } from '../call-pool.ts';
import type { NodeApi } from '../node-api.ts';
import { type NodeMarks, nodeMarks } from '../node-marks.ts';
import { type CachedObject, openReportSession, perform, type ReportSession, type Sent } from '../perform.ts';

export const UID = '11111111-2222-4333-8444-555555555555';
export const OTHER_UID = '99999999-2222-4333-8444-555555555555';

export type Request = Parameters<NodeApi['request']>[0];
export type Reply = { status: number; body: unknown; retryAfter?: string } | Error;

export const object = (metadata: object, rest: object = {}) => ({
  metadata: { name: 'edge-1', uid: UID, resourceVersion: '7', ...metadata },
  ...rest,
});
export const found = (metadata: object, rest: object = {}): Reply => ({ status: 200, body: object(metadata, rest) });
export const failure = (code: number, reason: string, message = 'because'): Reply => ({
  status: code,
  body: { kind: 'Status', status: 'Failure', code, reason, message },
});

/** An API server that gives these answers one after the other, takes them from the list, and notes what it was asked. */
export function scriptedApi(replies: Reply[], requests: Request[]): NodeApi {
  return {
    async request(request) {
      requests.push(request);
      const reply = replies.shift();
      assert.ok(reply !== undefined, `one request too many: ${request.method} ${request.path}`);
      if (reply instanceof Error) throw reply;
      return { status: reply.status, headers: { 'retry-after': reply.retryAfter }, text: JSON.stringify(reply.body) };
    },
  };
}

/** Timers fire at once, and are remembered. */
function hurriedClock(pauses: number[]): Clock {
  return {
    now: () => new Date(0),
    after(milliseconds, callback) {
      pauses.push(milliseconds);
      callback();
      return () => undefined;
    },
  };
}

export interface Options {
  marks?: NodeMarks;
  session?: ReportSession;
  cached?: CachedObject;
}

export interface Run {
  outcome: ReportOutcome;
  requests: Request[];
  pauses: number[];
  verdicts: Verdict[];
  sent: Sent[];
}

export const EDGE_ONLY = nodeMarks(true, [], []);

/** Does one report of the node edge-1 against an API server that gives these answers one after the other. */
export async function run(fields: Partial<Report>, replies: Reply[], options: Options = {}): Promise<Run> {
  const requests: Request[] = [];
  const pauses: number[] = [];
  const verdicts: Verdict[] = [];
  const sent: Sent[] = [];
  const clock = hurriedClock(pauses);
  let running = 0;
  const outcome = await perform(
    {
      api: scriptedApi(replies, requests),
      clock,
      logger: pino({ level: 'silent' }),
      counts: { apiCall: () => undefined, patchSent: (how) => sent.push(how) },
      pool: {
        begin(node) {
          running += 1;
          return { node, pauses: 0 };
        },
        end(_call, verdict) {
          running -= 1;
          verdicts.push(verdict);
        },
      },
      cached: () => options.cached,
      form: () => 'groups',
      marks: options.marks ?? EDGE_ONLY,
    },
    options.session ?? openReportSession('edge-1', clock),
    {
      number: 1,
      resource: 'pods',
      namespace: 'web',
      name: 'front',
      uid: UID,
      subresource: 'status',
      operation: { type: 'patch', patchType: 'strategic', body: '{"status":{"phase":"Running"}}' },
      ...fields,
    },
  );
  assert.deepEqual(replies, [], 'fewer requests than expected');
  assert.equal(running, 0, 'a call of the pool was not given back');
  return { outcome, requests, pauses, verdicts, sent };
}

export function sessionOfEdge1(): ReportSession {
  return openReportSession('edge-1', hurriedClock([]));
}

export function bodyOf(request: Request | undefined): Record<string, unknown> {
  return JSON.parse(request?.body ?? 'null');
}
