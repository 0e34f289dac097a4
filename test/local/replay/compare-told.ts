import { isDeepStrictEqual } from 'node:util';
import { fieldsOf, isFields } from '../../apiserver/policy/fields.ts';
import { type ComparedAnswer, compareAnswers, type Difference } from '../../replay/compare.ts';
import { normalise } from '../../replay/normalise.ts';

/**
 * As `compareAnswers`, for a server that tells of its own writes before the cloud does:
 * - what differs only in that one has a null where the other has nothing is one difference, `nulls`;
 * - kubectl's copy of what it has applied, which does not go to devices, is another one, `lastApplied`;
 * - a change that says nothing new is left out: the device's own write comes again with the cloud's resourceVersion, and once more
 *   where it had a provisional uid;
 * - that a watch tells of a change of the same object under another uid is one difference, `renamed`;
 * - events are laid side by side where they are equal, so that one more or less moves none of the others: `events.missing[N]` was
 *   recorded and did not come, `events.extra[N]` came and was not recorded.
 */
export function compareTold(recorded: ComparedAnswer, live: ComparedAnswer): Difference[] {
  const [before, now] = [without(recorded), without(live)];
  const told = compareAnswers(recorded, live);
  const nulls = told.filter(({ recorded: was, live: is }) => (was ?? undefined) === (is ?? undefined)).map(({ where }) => where);
  const renamed = [recorded, live].map(({ events = [] }) => countRenamed(events));
  const isApplied = countApplied(recorded) !== countApplied(live);
  return [
    ...compareBare(before, now),
    ...(nulls.length === 0 ? [] : [{ where: 'nulls', recorded: nulls, live: undefined }]),
    ...(renamed[0] === renamed[1] ? [] : [{ where: 'renamed', recorded: renamed[0], live: renamed[1] }]),
    ...(isApplied ? [{ where: 'lastApplied', recorded: countApplied(recorded), live: countApplied(live) }] : []),
  ];
}

function countRenamed(events: readonly unknown[]): number {
  const uids = new Map<string, unknown>();
  let count = 0;
  for (const event of events) {
    const { type, object } = fieldsOf(event);
    const { namespace, name, uid } = fieldsOf(fieldsOf(object).metadata);
    const key = `${namespace}/${name}`;
    if (type === 'MODIFIED' && uids.has(key) && uids.get(key) !== uid) count++;
    uids.set(key, uid);
  }
  return count;
}

function countApplied(answer: ComparedAnswer): number {
  return JSON.stringify(answer).split(`"${LAST_APPLIED}":`).length - 1;
}

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

function compareBare(recorded: ComparedAnswer, live: ComparedAnswer): Difference[] {
  if (recorded.events === undefined || live.events === undefined) return compareAnswers(recorded, live);
  const heads = compareAnswers(
    { ...recorded, events: recorded.events.filter(isBookmark) },
    { ...live, events: live.events.filter(isBookmark) },
  );
  const [before, now] = [recorded.events, live.events].map((events) =>
    withoutEchoes(events.filter((event) => !isBookmark(event))),
  );
  return [...heads, ...compareChanges(before ?? [], now ?? [])];
}

function isBookmark(event: unknown): boolean {
  return fieldsOf(event).type === 'BOOKMARK';
}

function compareChanges(recorded: readonly unknown[], live: readonly unknown[]): Difference[] {
  const pairs = longestCommon(recorded, live);
  const missing = recorded.flatMap((event, index) =>
    pairs.some(([i]) => i === index) ? [] : [{ where: `events.missing[${index}]`, recorded: event, live: undefined }],
  );
  const extra = live.flatMap((event, index) =>
    pairs.some(([, i]) => i === index) ? [] : [{ where: `events.extra[${index}]`, recorded: undefined, live: event }],
  );
  return [...missing, ...extra].map((difference) => ({ ...difference, ...differing(difference, recorded, live) }));
}

/** Of an event without a partner only in what it differs from the one beside it on the other side: enough to see why. */
function differing({ where, recorded, live }: Difference, allRecorded: readonly unknown[], allLive: readonly unknown[]) {
  const index = Number(/\[(\d+)\]/.exec(where)?.[1]);
  const [mine, others] = recorded === undefined ? [live, allRecorded] : [recorded, allLive];
  const other = others[Math.min(index, others.length - 1)];
  const found = compareAnswers({ status: 200, headers: {}, body: other }, { status: 200, headers: {}, body: mine });
  const said = [fieldsOf(mine).type, ...found.map(({ where: place, live: value }) => `${place}=${JSON.stringify(value)}`)];
  return recorded === undefined ? { live: said } : { recorded: said };
}

/** Pairs of indexes of equal events, in order (the textbook's table: lists of some twenty). */
function longestCommon(a: readonly unknown[], b: readonly unknown[]): [number, number][] {
  const equal = a.map((one) => b.map((other) => isDeepStrictEqual(one, other)));
  const length = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  const at = (i: number, j: number) => length[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const row = length[i];
      if (row !== undefined) row[j] = equal[i]?.[j] === true ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const pairs: [number, number][] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (equal[i]?.[j] === true) pairs.push([i++, j++]);
    else if (at(i + 1, j) >= at(i, j + 1)) i++;
    else j++;
  }
  return pairs;
}

function withoutEchoes(events: readonly unknown[]): unknown[] {
  const last = new Map<string, unknown>();
  return events
    .map((event) => normalise(event))
    .filter((event) => {
      const { type, object } = fieldsOf(event);
      const { name, namespace } = fieldsOf(fieldsOf(object).metadata);
      const key = `${namespace}/${name}`;
      const isEcho = type === 'MODIFIED' && isDeepStrictEqual(last.get(key), object);
      last.set(key, object);
      return !isEcho;
    });
}

/** Without nulls and without what kubectl has applied; annotations that are empty then are none. */
function without<T>(value: T): T {
  const clean = (item: unknown): unknown => {
    if (Array.isArray(item)) return item.map(clean);
    if (!isFields(item)) return item;
    const kept = Object.entries(item).filter(([key, inner]) => inner !== null && key !== LAST_APPLIED);
    const cleaned = kept.map(([key, inner]) => [key, clean(inner)] as const);
    return Object.fromEntries(cleaned.filter(([key, inner]) => key !== 'annotations' || Object.keys(fieldsOf(inner)).length > 0));
  };
  return clean(value) as T;
}
