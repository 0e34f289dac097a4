import type { Answer, Client } from '../http/client.ts';
import { isObject, type KubeObject, pathOf } from '../http/objects.ts';
import type { Trash } from '../trash.ts';
import { configMaps, gatedPods, mirrorPods, NODES } from './candidates.ts';
import { type Candidate, objectWithValue, type Subject, valueAt } from './subject.ts';

/** What was found out about a server before anything is checked. */
export interface Found {
  /** The first is what most checks are done with. */
  readonly subjects: readonly Subject[];
  /** Why each other candidate is none. */
  readonly refused: readonly string[];
}

/** Nodes that are looked at for one whose mirror pods may be made: a device shows its own and no more. */
const MOST_NODES = 1;

/**
 * Finds out by asking what may be written here: makes one object of each candidate, changes it in each way, removes it. A kind whose
 * objects could not be removed again is not written at all.
 */
export async function probe(client: Client, trash: Trash, namespace: string, prefix: string): Promise<Found> {
  const subjects: Subject[] = [];
  const refused: string[] = [];
  const nodes = await ownNodes(client);
  const candidates = [configMaps, gatedPods, ...nodes.map(({ name, uid }) => mirrorPods(name, uid))];
  for (const candidate of candidates) {
    // Gated pods of a cluster make mirror pods superfluous.
    if (subjects.some(({ kind }) => kind === candidate.kind)) continue;
    const found = await probeOne(client, trash, namespace, `${prefix}-probe`, candidate);
    if (typeof found === 'string') refused.push(`${candidate.title}: ${found}`);
    else subjects.push(found);
  }
  return { subjects, refused };
}

/** The Nodes that are shown, where they may be this client's own: of a cluster's many none is. */
async function ownNodes(client: Client): Promise<{ readonly name: string; readonly uid: string }[]> {
  const answer = await client.call('GET', pathOf(NODES, ''), { query: { limit: MOST_NODES + 1 } });
  const items: readonly unknown[] = answer.status === 200 && Array.isArray(answer.object?.items) ? answer.object.items : [];
  const nodes = items.flatMap((node) => (isObject(node) && isObject(node.metadata) ? [node.metadata] : []));
  if (nodes.length > MOST_NODES) return [];
  return nodes.map(({ name, uid }) => ({ name: String(name), uid: String(uid) }));
}

/** @returns why it is none, for a person */
async function probeOne(
  client: Client,
  trash: Trash,
  namespace: string,
  name: string,
  candidate: Candidate,
): Promise<Subject | string> {
  const { kind, through, valuePath } = candidate;
  const collection = pathOf(kind, namespace);
  const path = pathOf(kind, namespace, name);
  // Of a name that is not there: whoever may not delete is told so, and whoever may is told that it is not there.
  const mayDelete = await client.call('DELETE', pathOf(kind, namespace, `${name}-none`));
  if (mayDelete.status !== 404 || mayDelete.failure.details?.name === undefined)
    return `deleted they cannot be: ${why(mayDelete)}`;
  trash.note(kind, namespace, name);
  const made = await client.call('POST', collection, { body: candidate.body(name, { conformance: 'probe' }, 'probe') });
  if (made.status !== 201 || made.object === undefined) {
    trash.forget(kind, namespace, name);
    return `made they cannot be: ${why(made)}`;
  }
  try {
    const changed = pathOf(kind, namespace, name, through);
    const patch = async (body: unknown) => {
      const answer = await client.call('PATCH', changed, { body, contentType: 'application/merge-patch+json' });
      return answer.status === 200 ? answer.object : undefined;
    };
    const [outer, inner] = valuePath;
    const patched = await patch({ [outer]: { [inner]: 'patched' } });
    const relabelled = await patch({ metadata: { labels: { conformance: 'other' } } });
    const current = (await client.call('GET', path)).object ?? made.object;
    const update = await client.call('PUT', changed, { body: objectWithValue(current, valuePath, 'updated') });
    const collected = await client.call('DELETE', collection, { query: { labelSelector: 'conformance=nothing-has-this' } });
    return {
      ...candidate,
      namespace,
      patches: patched !== undefined && valueAt(patched, valuePath) === 'patched',
      relabels: labelOf(relabelled) === 'other',
      updates: update.status === 200,
      deletesCollections: collected.status === 200,
      valueOf: (object) => valueAt(object, valuePath),
      withValue: (object, value) => objectWithValue(object, valuePath, value),
    };
  } finally {
    const removed = await client.call('DELETE', path, { query: { gracePeriodSeconds: 0 } });
    if (removed.status < 300) trash.forget(kind, namespace, name);
  }
}

function labelOf(object: KubeObject | undefined): string | undefined {
  return object?.metadata.labels?.conformance;
}

function why(answer: Answer): string {
  return `${answer.status} ${answer.failure.message ?? answer.text.slice(0, 200)}`;
}
