import type { StorageKey } from '@hawser/edge';
import { type KubeObject, resourceByKind } from '@hawser/protocol';
import { fieldsOf, isFields, itemsOf, textOf } from '../apiserver/policy/fields.ts';
import { EXTRA_SEEDS } from './extra-seeds.ts';
import type { Exchange, Scenario } from './recording.ts';

/** What a recording presupposes: the state of the cluster when its first request came. */
export interface Seeds {
  readonly revision: number;
  readonly objects: readonly { readonly key: StorageKey; readonly object: KubeObject }[];
  /** Namespaces that the paths name and that existed. */
  readonly namespaces: readonly string[];
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
/** The recorder's own namespaces. */
const NAMESPACE = /\/namespaces\/(rec-[a-z]+)/g;

/**
 * Finds the objects that must have been there before: those whose uid occurs in the scenario and that it does not create itself,
 * each in the newest state, seen in whatever scenario, that is not newer than the scenario's beginning.
 */
export function presupposed(scenario: Scenario, all: readonly Scenario[]): Seeds {
  const text = JSON.stringify(scenario.exchanges);
  const created = new Set(scenario.exchanges.filter(isCreate).map((exchange) => metadataOf(exchange).uid));
  const wanted = new Set((text.match(UUID) ?? []).filter((uid) => !created.has(uid)));
  const first = firstRevision(scenario);
  const extra = EXTRA_SEEDS[scenario.name] ?? {};

  const chosen = new Map<string, KubeObject>();
  for (const { object } of all.flatMap(seenIn)) {
    const { uid = '', deletionTimestamp } = object.metadata;
    if (!wanted.has(uid) || deletionTimestamp !== undefined || revisionOf(object) > first) continue;
    const known = chosen.get(uid);
    if (known === undefined || revisionOf(object) > revisionOf(known)) chosen.set(uid, object);
  }
  // Nothing older was seen of these: their first own state, changed where the recording shows it only after a write.
  for (const seen of seenIn(scenario)) {
    const { uid = '' } = seen.object.metadata;
    if (wanted.has(uid) && !chosen.has(uid)) chosen.set(uid, before(seen, first));
  }

  const others = all.flatMap(seenIn).flatMap(({ object }) => keyed(object));
  const objects = [
    ...[...chosen.values(), ...(extra.objects ?? [])].flatMap(keyed),
    ...(extra.fromOthers ?? []).flatMap((id) => others.filter(({ key }) => idOf(key) === id).slice(0, 1)),
  ];
  return {
    revision: Number.isFinite(first) ? first : Math.max(1, ...objects.map(({ object }) => revisionOf(object))),
    objects: [...new Map(objects.map((seed) => [idOf(seed.key), seed])).values()],
    namespaces: [...new Set([...text.matchAll(NAMESPACE)].map((match) => match[1] ?? ''))],
  };
}

export function idOf(key: StorageKey): string {
  return `${key.resource} ${key.namespace}/${key.name}`;
}

function keyed(object: KubeObject): { key: StorageKey; object: KubeObject }[] {
  const resource = resourceByKind(object.apiVersion, object.kind);
  const { name = '', namespace = '' } = object.metadata;
  return resource === undefined ? [] : [{ key: { resource: resource.id, namespace, name }, object }];
}

/** The revision of the cluster just before the scenario: below every write and not above any list; infinite when none shows. */
function firstRevision(scenario: Scenario): number {
  const bounds = scenario.exchanges.flatMap((exchange) => {
    const revision = Number(metadataOf(exchange).resourceVersion);
    const isList = /List$|^Table$/.test(textOf(fieldsOf(exchange.response.body).kind));
    const asked = Number(/[?&]watch=.*[?&]resourceVersion=(\d+)/.exec(exchange.request.path)?.[1]);
    return [
      ...(revision > 0 && (isCreate(exchange) || isUpdate(exchange)) ? [revision - 1] : []),
      ...(revision > 0 && isList ? [revision] : []),
      ...(asked > OLDEST_MEANT && asked < NEWEST_MEANT ? [asked] : []),
    ];
  });
  return Math.min(...bounds);
}

/** Revisions outside these bounds stand for "long ago" and "far in the future". */
const OLDEST_MEANT = 10;
const NEWEST_MEANT = 10_000_000;

function isCreate(exchange: Exchange): boolean {
  return exchange.response.status === 201 && metadataOf(exchange).resourceVersion !== undefined;
}

function isUpdate(exchange: Exchange): boolean {
  return exchange.response.status === 200 && ['PUT', 'PATCH'].includes(exchange.request.method);
}

function metadataOf(exchange: Exchange) {
  return fieldsOf(fieldsOf(exchange.response.body).metadata);
}

interface Seen {
  readonly object: KubeObject;
  /** Whether a write has just made it so. */
  readonly isWritten: boolean;
}

/** Every whole object in the answers of a scenario. */
function seenIn(scenario: Scenario): Seen[] {
  return scenario.exchanges.flatMap((exchange) => [
    ...wholeObjects(exchange.response.body).map((object) => ({ object, isWritten: isUpdate(exchange) })),
    ...(exchange.response.events ?? []).flatMap((event) => {
      const { type, object } = fieldsOf(event.line);
      return wholeObjects(object).map((whole) => ({ object: whole, isWritten: type === 'MODIFIED' }));
    }),
  ]);
}

function wholeObjects(body: unknown): KubeObject[] {
  if (!isFields(body)) return [];
  const kind = textOf(body.kind);
  if (kind === 'Table') return itemsOf(body.rows).flatMap((row) => wholeObjects(row.object));
  if (kind.endsWith('List')) {
    return itemsOf(body.items).flatMap((item) =>
      wholeObjects({ apiVersion: body.apiVersion, kind: kind.slice(0, -'List'.length), ...item }),
    );
  }
  const metadata = fieldsOf(body.metadata);
  // The second view of an event is no object of its own.
  if (textOf(metadata.uid) === '' || textOf(metadata.resourceVersion) === '') return [];
  if (['PartialObjectMetadata', 'TokenRequest'].includes(kind) || body.apiVersion === 'events.k8s.io/v1') return [];
  const { managedFields: _managed, ...kept } = metadata;
  return [{ ...body, apiVersion: textOf(body.apiVersion), kind, metadata: kept }];
}

function before({ object, isWritten }: Seen, revision: number): KubeObject {
  const { deletionTimestamp: _time, deletionGracePeriodSeconds: _grace, ...metadata } = object.metadata;
  const earlier = { ...object, metadata: { ...metadata, resourceVersion: String(Number.isFinite(revision) ? revision : 1) } };
  return isWritten && object.kind === 'ConfigMap' ? { ...earlier, data: { state: 'before the recording' } } : earlier;
}

function revisionOf(object: KubeObject): number {
  return Number(object.metadata.resourceVersion);
}
