import { DICTIONARIES, type Hello, type ObjectKey, type OperationChange, type StaticDictionary } from '@hawser/protocol';
import type { KeptBody } from '../store/index.ts';
import type { KnownObject } from './known-set.ts';
import type { SessionView } from './session-view.ts';

/** How the agent of a session takes bodies. */
export interface Agreement {
  /** As differences to what it holds. */
  readonly deltas: boolean;
  /** The newest static dictionary that both have. */
  readonly dictionary: StaticDictionary | undefined;
  /** Objects of which a delta has led to something else: whole for the rest of the session. Part of the known set, and bounded by it. */
  readonly wholeOnly: Set<ObjectKey>;
}

/** In the words of the metrics. `static` is Zstandard with a static dictionary. */
export type BodyEncoding = 'delta' | 'static' | 'zstd' | 'identity';

export type BodyChange = Extract<OperationChange, { type: 'upsert' | 'upsertDelta' }>;

/** A whole object is hardly ever smaller: it is not even encoded for the comparison. In bytes. */
const SMALL_DELTA_BYTES = 256;

export function agreementOf(hello: Pick<Hello, 'features' | 'dictionaries'>): Agreement {
  return { deltas: hello.features.includes('delta'), dictionary: commonDictionary(hello), wholeOnly: new Set() };
}

/** The newest static dictionary that both have. */
export function commonDictionary({ dictionaries }: Pick<Hello, 'dictionaries'>): StaticDictionary | undefined {
  return DICTIONARIES.find(({ id }) => dictionaries.includes(id));
}

/**
 * The operation that brings the agent from what it is known to hold to that body with the fewest bytes. A delta carries no uid,
 * so that it can only lead to another state of the same object.
 */
export function chooseChange(
  key: ObjectKey,
  body: KeptBody,
  known: KnownObject | undefined,
  { deltas, dictionary, wholeOnly }: Agreement,
  view: Pick<SessionView, 'base' | 'whole' | 'delta'>,
): BodyChange {
  const { version } = body;
  const whole = (): BodyChange => ({ type: 'upsert', version, body: view.whole(key, body, dictionary) });
  if (!deltas || wholeOnly.has(key) || !isBase(known, version.uid)) return whole();
  const base = view.base(version.uid, known.version.hash);
  if (base === undefined) return whole();
  const { bytes, size } = view.delta(key, body, base);
  const delta: BodyChange = {
    type: 'upsertDelta',
    resourceVersion: version.resourceVersion,
    baseHash: base.hash,
    hash: version.hash,
    bytes,
    size,
  };
  if (bytes.length <= SMALL_DELTA_BYTES) return delta;
  const alternative = whole();
  return bytes.length < bodyBytes(alternative) ? delta : alternative;
}

function isBase(known: KnownObject | undefined, uid: string): known is KnownObject {
  return known !== undefined && !known.isRefused && !known.isDoubtful && known.version.uid === uid;
}

/** Bytes of the body as it travels. */
export function bodyBytes(change: OperationChange): number {
  switch (change.type) {
    case 'upsert':
      return change.body.bytes.length;
    case 'upsertDelta':
      return change.bytes.length;
    default:
      return 0;
  }
}

export function encodingOf(change: BodyChange): BodyEncoding {
  if (change.type === 'upsertDelta') return 'delta';
  return change.body.encoding === 'zstdStatic' ? 'static' : change.body.encoding;
}
