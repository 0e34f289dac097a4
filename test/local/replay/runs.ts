import { fieldsOf, numberOf, textOf } from '../../apiserver/policy/fields.ts';
import { contentOf, type Exchange, isWatch, type Scenario } from '../../replay/recording.ts';

/** Scenarios that one kubelet or kubectl went through one after the other, against one device. */
export interface Run {
  readonly name: string;
  /** In order, each with its beginning in milliseconds since that of the run. */
  readonly parts: readonly { readonly scenario: Scenario; readonly atMs: number }[];
  /** All its watches, from opening to end. */
  readonly watches: Scenario | undefined;
}

/** One exchange, in the time of its run. */
export interface Step {
  readonly scenario: string;
  readonly index: number;
  readonly atMs: number;
  readonly exchange: Exchange;
  /** Of a watch: when the client hung up. */
  readonly endsMs: number | undefined;
}

/** The scenarios of a kubelet with that encoding. */
export function kubeletRun(encoding: 'json' | 'protobuf', all: readonly Scenario[]): Run {
  const prefix = `08-kubelet-${encoding}-`;
  const own = all.filter(({ name }) => name.startsWith(prefix));
  const watches = own.find(({ name }) => name.startsWith(`${prefix}9`));
  const parts = withBeginnings(
    own.filter((scenario) => scenario !== watches),
    watches,
  );
  return { name: `kubelet ${encoding}`, parts, watches };
}

export function kubectlRuns(all: readonly Scenario[]): Run[] {
  return all
    .filter(({ name }) => name.startsWith('09-'))
    .map((scenario) => ({ name: scenario.name, parts: [{ scenario, atMs: 0 }], watches: undefined }));
}

/** All exchanges in their order; a watch is the whole one, with all that came until its end. */
export function stepsOf({ parts, watches }: Run): Step[] {
  return parts.flatMap(({ scenario, atMs }) =>
    scenario.exchanges.map((exchange, index) => {
      const whole = isWatch(exchange) ? wholeWatch(exchange, scenario.name, watches) : exchange;
      const startMs = atMs + exchange.atMs;
      const { endedAfterMs } = whole.response;
      const endsMs = isWatch(exchange) ? startMs + (endedAfterMs ?? Number.POSITIVE_INFINITY) : undefined;
      return { scenario: scenario.name, index, atMs: startMs, exchange: whole, endsMs };
    }),
  );
}

function wholeWatch(cut: Exchange, scenario: string, watches: Scenario | undefined): Exchange {
  const isSame = ({ note, atMs, request }: Exchange) =>
    note === `opened in ${scenario}` && atMs === cut.atMs && request.path === cut.request.path;
  return watches?.exchanges.find(isSame) ?? cut;
}

/**
 * The recordings do not say when a scenario began after the one before it, but watches do that were open in both: a change came out of
 * them just after the write that made it. Where none was, because the kubelet had been stopped just then, all ended with it; otherwise it
 * is taken to have begun at once.
 */
function withBeginnings(scenarios: readonly Scenario[], watches: Scenario | undefined): Run['parts'] {
  const parts: { scenario: Scenario; atMs: number }[] = [];
  for (const scenario of scenarios) {
    const earlier = stepsOf({ name: '', parts, watches });
    const told = new Map(earlier.flatMap(tellingTimes));
    const differences = scenario.exchanges.flatMap((exchange) => {
      const toldAt = told.get(madeRevision(exchange));
      return toldAt === undefined ? [] : [toldAt - exchange.atMs];
    });
    const ends = earlier.map(({ atMs, endsMs = 0 }) => Math.max(atMs, Number.isFinite(endsMs) ? endsMs : 0));
    const last = Math.max(0, ...earlier.map(({ atMs }) => atMs));
    const begin = differences.length > 0 ? Math.min(...differences) : startsKubelet(scenario) ? Math.max(0, ...ends) : 0;
    parts.push({ scenario, atMs: Math.max(last, begin) });
  }
  return parts;
}

/** What a kubelet asks first. */
function startsKubelet({ exchanges: [first] }: Scenario): boolean {
  return first?.request.path.startsWith('/api/v1/nodes?') === true;
}

/** Revisions that a watch tells of, and when. */
function tellingTimes({ atMs, exchange }: Step): [string, number][] {
  return (exchange.response.events ?? []).flatMap(({ line, ...event }) => {
    const { type, object } = fieldsOf(line);
    const revision = textOf(fieldsOf(fieldsOf(object).metadata).resourceVersion);
    return type === 'BOOKMARK' ? [] : [[revision, atMs + (numberOf(event.atMs) ?? 0)] as [string, number]];
  });
}

/** What a write has answered; "" for a read, and for what nothing came of. */
function madeRevision({ request, response }: Exchange): string {
  const body = contentOf(response.body);
  return request.method === 'GET' || response.status >= 300 ? '' : textOf(fieldsOf(fieldsOf(body).metadata).resourceVersion);
}
