import { isDeepStrictEqual } from 'node:util';
import { parse } from 'yaml';
import { normalise } from './normalise.ts';

/** One place where the live answer is not as recorded. */
export interface Difference {
  /** `status`, `header content-type`, `body.spec.containers[0].image`, `events[2].object.metadata.labels`, `bookmarks`. */
  readonly where: string;
  readonly recorded: unknown;
  readonly live: unknown;
}

/** Headers that mean something to a client; others are the transport's. */
const COMPARED_HEADERS = ['content-type', 'retry-after', 'warning', 'allow'];

export interface ComparedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: unknown;
  readonly events?: readonly unknown[];
}

export function compareAnswers(recorded: ComparedAnswer, live: ComparedAnswer): Difference[] {
  const differences: Difference[] = [];
  if (recorded.status !== live.status) differences.push({ where: 'status', recorded: recorded.status, live: live.status });
  for (const name of COMPARED_HEADERS) {
    const [before, now] = [recorded.headers[name], live.headers[name]];
    if (!isDeepStrictEqual(before, now)) differences.push({ where: `header ${name}`, recorded: before, live: now });
  }
  if (recorded.events !== undefined || live.events !== undefined) {
    differences.push(...compareEvents(recorded.events ?? [], live.events ?? []));
  } else {
    compareValues('body', normalise(readable(recorded)), normalise(readable(live)), differences);
  }
  return differences;
}

/** YAML is compared by what it says, not by how its lines are folded. */
function readable(answer: ComparedAnswer): unknown {
  const { body } = answer;
  const isYaml = answer.headers['content-type'] === 'application/yaml';
  return isYaml && isObject(body) && typeof body.text === 'string' ? parse(body.text) : body;
}

/** Bookmarks come when the server likes, so only whether there were any is compared, and the place of the initial one. */
function compareEvents(recorded: readonly unknown[], live: readonly unknown[]): Difference[] {
  const differences: Difference[] = [];
  const hasBookmarks = (events: readonly unknown[]) => events.some(isPassingBookmark);
  if (hasBookmarks(recorded) !== hasBookmarks(live)) {
    differences.push({ where: 'bookmarks', recorded: hasBookmarks(recorded), live: hasBookmarks(live) });
  }
  const firm = (events: readonly unknown[]) =>
    events.filter((event) => !isPassingBookmark(event)).map((event) => normalise(event));
  compareValues('events', firm(recorded), firm(live), differences);
  return differences;
}

function isPassingBookmark(event: unknown): boolean {
  return (
    typeof event === 'object' &&
    event !== null &&
    'type' in event &&
    event.type === 'BOOKMARK' &&
    !JSON.stringify(event).includes('k8s.io/initial-events-end')
  );
}

function compareValues(where: string, recorded: unknown, live: unknown, differences: Difference[]): void {
  if (Array.isArray(recorded) && Array.isArray(live)) {
    if (DISCOVERY_LISTS.test(where)) {
      compareSets(where, recorded, live, differences);
      return;
    }
    compareItems(where, recorded, live, differences);
    return;
  }
  if (isObject(recorded) && isObject(live)) {
    for (const key of new Set([...Object.keys(recorded), ...Object.keys(live)])) {
      compareValues(`${where}.${key}`, recorded[key], live[key], differences);
    }
    return;
  }
  if (!isDeepStrictEqual(recorded, live)) differences.push({ where, recorded, live });
}

function compareItems(where: string, recorded: readonly unknown[], live: readonly unknown[], differences: Difference[]): void {
  if (recorded.length !== live.length) {
    differences.push({ where: `${where}.length`, recorded: summary(recorded), live: summary(live) });
  }
  for (let index = 0; index < Math.min(recorded.length, live.length); index++) {
    compareValues(`${where}[${index}]`, recorded[index], live[index], differences);
  }
}

/** Lists of discovery documents, whose order says nothing: a server with fewer resources is compared in those that it has. */
const DISCOVERY_LISTS = /^body\.(groups|resources|paths|items(\[[^\]]*\]\.versions(\[[^\]]*\]\.resources)?)?)$/;

function compareSets(where: string, recorded: readonly unknown[], live: readonly unknown[], differences: Difference[]): void {
  if (!recorded.every((item) => identityOf(item) !== undefined)) {
    compareItems(where, recorded, live, differences);
    return;
  }
  const before = new Map(recorded.map((item) => [identityOf(item), item]));
  const now = new Map(live.map((item) => [identityOf(item), item]));
  const missing = [...before.keys()].filter((key) => !now.has(key));
  const added = [...now.keys()].filter((key) => !before.has(key));
  if (missing.length > 0) differences.push({ where: `${where}.missing`, recorded: missing, live: undefined });
  if (added.length > 0) differences.push({ where: `${where}.added`, recorded: undefined, live: added });
  for (const [key, item] of before) if (now.has(key)) compareValues(`${where}[${key}]`, item, now.get(key), differences);
}

/** What an entry of a discovery document is about; undefined for an object of a list of objects. */
function identityOf(item: unknown): string | undefined {
  if (typeof item === 'string') return item;
  if (!isObject(item)) return undefined;
  if (isObject(item.metadata) && Array.isArray(item.versions)) return String(item.metadata.name ?? 'core');
  for (const field of ['resource', 'name', 'version']) {
    const value = item[field];
    if (typeof value === 'string' && item.metadata === undefined) return value;
  }
  return undefined;
}

/** Enough of a list to see which items are missing. */
function summary(items: readonly unknown[]): unknown {
  return items.map((item) => {
    if (!isObject(item)) return item;
    const metadata = isObject(item.metadata) ? item.metadata : isObject(item.object) ? item.object.metadata : undefined;
    return item.type ?? (isObject(metadata) ? metadata.name : (item.name ?? item.kind));
  });
}

function isObject(value: unknown): value is { [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
