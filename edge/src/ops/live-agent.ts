import { HawserError, parseJson } from '@hawser/protocol';
import { LOG_LEVELS, type LogLevelControl } from '@hawser/settings';
import * as v from 'valibot';
import type { OwnPath } from '../api/http/own-path.ts';
import type { LinkState } from '../link/index.ts';

const text = v.nullable(v.string());
const count = v.pipe(v.number(), v.integer(), v.minValue(0));

const LiveAgentSchema = v.object({
  version: v.string(),
  pid: count,
  link: v.object({
    state: v.picklist(['idle', 'dialling', 'greeting', 'open', 'waiting', 'closed']),
    relay: text,
    since: text,
    nextDial: text,
    failure: v.nullable(v.object({ kind: v.string(), detail: v.string(), time: v.string() })),
  }),
  session: v.string(),
  clock: v.string(),
  /** The device's clock less the relay's, where one has told its time; absent in what older agents say. */
  clockOffsetMs: v.optional(v.nullable(v.number()), null),
  reports: v.object({ inFlight: count, held: count }),
  logLevel: v.object({ level: v.picklist(LOG_LEVELS), configured: v.picklist(LOG_LEVELS) }),
});

/**
 * How an agent is at this moment, as it tells itself: what the store says of it is as old as the last change that was worth a write. Times
 * are RFC 3339. `link.failure` is the last one, also of a link that is open again; `reports.held` are those that the cloud could not take
 * and that wait before they are sent again.
 */
export type LiveAgent = v.InferOutput<typeof LiveAgentSchema>;

export interface LiveReadings {
  readonly version: string;
  readonly pid: number;
  link(): LinkState;
  session(): string;
  clock(): string;
  clockOffsetMs(): number | undefined;
  reports(): { readonly inFlight: number; readonly held: number };
  readonly logLevel: Pick<LogLevelControl, 'state'>;
}

/** Keeps the last failure, which a link that is open says nothing of. */
export interface LastFailure {
  changed(state: LinkState): void;
  last(): LiveAgent['link']['failure'];
}

export function createLastFailure(): LastFailure {
  let last: LiveAgent['link']['failure'] = null;
  return {
    changed(state) {
      // Made anew by ourselves for another certificate: nothing has failed.
      if (state.name !== 'waiting' || state.reason.kind === 'redial') return;
      last = { kind: state.reason.kind, detail: state.reason.detail, time: state.since.toISOString() };
    },
    last: () => last,
  };
}

export function liveAgent(
  { version, pid, link, session, clock, clockOffsetMs, reports, logLevel }: LiveReadings,
  failure: LastFailure,
): LiveAgent {
  const state = link();
  const { inFlight, held } = reports();
  return {
    version,
    pid,
    link: {
      state: state.name,
      relay: 'url' in state ? state.url : null,
      since: 'since' in state ? state.since.toISOString() : null,
      nextDial: state.name === 'waiting' ? state.until.toISOString() : null,
      failure: failure.last(),
    },
    session: session(),
    clock: clock(),
    clockOffsetMs: clockOffsetMs() ?? null,
    reports: { inFlight, held },
    logLevel: logLevel.state(),
  };
}

/** The local API's `/hawser/v1/agent`. */
export function createAgentPath(live: () => LiveAgent): OwnPath {
  return { get: async () => live() };
}

/** What `/hawser/v1/agent` has answered. @throws HawserError `malformed_object`, for an agent of another version */
export function liveAgentFromJson(answer: string): LiveAgent {
  const parsed = v.safeParse(LiveAgentSchema, jsonOf(answer));
  if (parsed.success) return parsed.output;
  throw new HawserError('malformed_object', `the running agent tells of itself in another way: it is of another version`);
}

function jsonOf(answer: string): unknown {
  try {
    return parseJson(answer);
  } catch {
    return undefined;
  }
}
