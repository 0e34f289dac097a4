import { parseJson } from '@hawser/protocol';
import type { LogLevelControl } from '@hawser/settings';
import * as v from 'valibot';
import type { DeviceAnswer, LinkFacts, LinkReport } from '../hub/index.ts';
import {
  ADMIN_VERSION,
  type DeviceState,
  type Failure,
  type LogLevelAnswer,
  LogLevelWish,
  type NodeReport,
  type NodeSession,
  type NodeSessionList,
  type VersionAnswer,
} from './answers.ts';
import type { Route } from './route.ts';

/** What the desk sees of a link. */
export interface SeenLink {
  readonly node: string;
  facts(): LinkFacts | undefined;
  report(most: number): LinkReport | undefined;
  /** What the agent says of itself, or why it does not. Never rejects. */
  askDevice(): Promise<DeviceAnswer>;
}

export interface DeskOptions {
  readonly replica: string;
  readonly version: string;
  readonly links: { all(): readonly SeenLink[]; find(node: string): SeenLink | undefined };
  readonly epoch: () => number;
  readonly logLevel: LogLevelControl;
}

/** Objects that differ, of one node, that are listed. */
export const MOST_DIFFERING = 100;

export interface Answered {
  readonly code: number;
  readonly body: object;
}

/** Answers what somebody may ask. Watches are answered apart. */
export class Desk {
  readonly #options: DeskOptions;

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  /** @param body of a PUT; @param user for the log */
  async answer(route: Exclude<Route, { readonly to: 'watch' }>, body: string, user: string): Promise<Answered> {
    switch (route.to) {
      case 'nodes':
        return { code: 200, body: this.#page(route.limit, route.after) };
      case 'node':
        return this.#node(route.node);
      case 'version': {
        const { replica, version } = this.#options;
        return { code: 200, body: { apiVersion: ADMIN_VERSION, kind: 'Version', replica, version } satisfies VersionAnswer };
      }
      case 'logLevel':
        return { code: 200, body: this.#level() };
      case 'setLogLevel':
        return this.#setLevel(body, user);
    }
  }

  /** Live sessions, as of now. */
  sessions(): readonly NodeSession[] {
    return this.#options.links.all().flatMap((link) => sessionOf(link.facts()) ?? []);
  }

  #page(limit: number, after: string): NodeSessionList {
    const { links, replica, version } = this.#options;
    const names = links.all().map(({ node }) => node);
    const left = names.filter((name) => name > after).sort();
    const taken = left.slice(0, limit);
    return {
      apiVersion: ADMIN_VERSION,
      kind: 'NodeSessionList',
      replica,
      version,
      items: taken.flatMap((name) => sessionOf(links.find(name)?.facts()) ?? []),
      continue: left.length > taken.length ? (taken.at(-1) ?? '') : '',
    };
  }

  async #node(node: string): Promise<Answered> {
    const link = this.#options.links.find(node);
    const device = await link?.askDevice();
    // As of now, and not of when the device was asked.
    const report = link?.report(MOST_DIFFERING);
    const session = sessionOf(report);
    if (report === undefined || session === undefined || device === undefined) {
      return failure(404, `this replica has no session of ${node}`);
    }
    const { stats, objects } = report;
    const body: NodeReport = {
      apiVersion: ADMIN_VERSION,
      kind: 'NodeReport',
      replica: this.#options.replica,
      session: {
        ...session,
        storeId: report.storeId,
        remote: report.remote,
        key: report.key,
        certificateEnd: report.certificateEnd?.toISOString() ?? null,
        features: [...report.features],
        epoch: this.#options.epoch(),
        lastAck: objects.answeredAt?.toISOString() ?? null,
        inflightBatches: stats.inflightBatches,
        inflightBytes: stats.inflightBytes,
      },
      objects: { resources: [...objects.resources], differing: [...objects.differing], more: objects.more },
      refusals: objects.refusals.map(({ at, ...rest }) => ({ at: at.toISOString(), ...rest })),
      device: 'untold' in device ? device : shownDevice(device),
    };
    return { code: 200, body };
  }

  #level(): LogLevelAnswer {
    const { replica, logLevel } = this.#options;
    const { level, configured } = logLevel.state();
    return { apiVersion: ADMIN_VERSION, kind: 'LogLevel', replica, level, set: configured };
  }

  #setLevel(body: string, user: string): Answered {
    const wish = v.safeParse(LogLevelWish, parsed(body));
    if (!wish.success) return failure(400, 'the body must be {"level": "debug"}, or {"level": null} for that of the settings');
    this.#options.logLevel.set(wish.output.level ?? 'configured', user);
    return { code: 200, body: this.#level() };
  }
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  413: 'RequestEntityTooLarge',
  431: 'RequestHeaderFieldsTooLarge',
  500: 'InternalError',
  503: 'ServiceUnavailable',
};

export function failure(code: number, message: string): Answered {
  const body: Failure = { apiVersion: ADMIN_VERSION, kind: 'Status', code, reason: REASONS[code] ?? 'Unknown', message };
  return { code, body };
}

function sessionOf(facts: LinkFacts | undefined): NodeSession | undefined {
  if (facts === undefined) return undefined;
  const { node, status, since, lagMs, sentBytes, receivedBytes, agentVersion } = facts;
  const { state, detail } = status;
  return { node, state, detail, since: since.toISOString(), lagMs: Math.round(lagMs), sentBytes, receivedBytes, agentVersion };
}

/** Times and words are the device's own, and may be anything. */
function shownDevice(state: Exclude<DeviceAnswer, { readonly untold: string }>): DeviceState {
  const { outbox, storeBytes, freeBytes, workload, kubelet } = state;
  return {
    time: timeIn(state.timeMs) ?? new Date(0).toISOString(),
    outbox: {
      entries: outbox.entries,
      bytes: outbox.bytes,
      oldestAgeMs: outbox.oldestMs,
      byResource: [...outbox.counts],
      blocked: [...outbox.blocked],
      droppedEvents: outbox.droppedEvents,
      refusedReports: outbox.refusedReports,
    },
    storeBytes,
    freeBytes: freeBytes ?? null,
    workload,
    kubelet,
    lastSync: timeIn(state.lastSync),
    startedAt: timeIn(state.startedAt),
  };
}

function timeIn(time: string | number): string | null {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
