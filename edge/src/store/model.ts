/**
 * The store's rules once more, in plain maps, for `model.test.ts`: objects have a uid and a status of numbers, and a write is a
 * create, a patch of the status or a delete. No SQL, no JSON, no patches; slow and plain.
 */

export type Fields = Readonly<Record<string, number>>;

export interface ModelObject {
  readonly uid: string;
  readonly fields: Fields;
}

export interface ModelWrite {
  /** Rises with each write; one that took up another is a new one. */
  readonly sequence: number;
  readonly verb: 'create' | 'patch' | 'delete';
  uid: string;
  fields: Fields;
  inFlight: boolean;
  /** It was sent, or another process has written it: the cloud may have it. */
  maybeSent: boolean;
  /** `version` undefined: the write removed the object. */
  answer: { version: number | undefined } | undefined;
}

export interface ModelCloud {
  uid: string;
  version: number;
  refused: boolean;
  body: ModelObject | undefined;
}

export interface ModelRow {
  cloud: ModelCloud | undefined;
  provisional: string | undefined;
  writes: ModelWrite[];
}

export type ModelOutcome =
  | { readonly type: 'applied'; readonly uid: string; readonly version: number | undefined }
  | { readonly type: 'refused'; readonly gone: boolean }
  | { readonly type: 'unavailable' };

export class Model {
  readonly rows = new Map<string, ModelRow>();
  #sequence = 0;

  row(name: string): ModelRow {
    const row = this.rows.get(name) ?? { cloud: undefined, provisional: undefined, writes: [] };
    this.rows.set(name, row);
    return row;
  }

  served(name: string): ModelObject | undefined {
    const { cloud, writes } = this.row(name);
    return apply(cloud?.body, writes);
  }

  /** `fields` undefined: a body that cannot be taken. */
  upsert(name: string, uid: string, version: number, fields: Fields | undefined): void {
    const row = this.row(name);
    const kept = row.cloud?.uid === uid ? row.cloud.body : undefined;
    row.cloud = { uid, version, refused: fields === undefined, body: fields === undefined ? kept : { uid, fields } };
    const deletedHere = row.writes.some((write) => write.verb === 'delete' && write.uid === uid);
    const own = row.provisional;
    if (row.cloud.body !== undefined && own !== undefined && !deletedHere) {
      beNamed(row, own);
      rename(row, own, uid);
    }
    settle(row);
  }

  touch(name: string, version: number): void {
    const row = this.row(name);
    if (row.cloud === undefined) return;
    row.cloud.version = version;
    if (!row.cloud.refused) settle(row);
  }

  remove(name: string, uid: string): void {
    const row = this.row(name);
    if (row.cloud?.uid !== uid) return;
    row.cloud = undefined;
    settle(row);
  }

  create(name: string, uid: string): void {
    const row = this.row(name);
    row.provisional ??= uid;
    this.#write(row, 'create', uid, {});
  }

  patch(name: string, fields: Fields): void {
    const row = this.row(name);
    const before = this.served(name);
    if (before === undefined || same({ ...before.fields, ...fields }, before.fields)) return;
    const tail = row.writes.slice(row.writes.findLastIndex(({ verb }) => verb !== 'patch') + 1);
    const open = tail.findLast((write) => write.answer === undefined && !write.inFlight && write.uid === before.uid);
    if (open === undefined) {
      this.#write(row, 'patch', before.uid, fields);
      return;
    }
    row.writes = row.writes.filter((write) => write !== open);
    const base = apply(row.cloud?.body, row.writes)?.fields ?? {};
    const after = { ...before.fields, ...fields };
    // What the cloud may have, or what stands in for a refused body may show, is said anew.
    const isUnsure = open.maybeSent || row.cloud?.refused === true;
    const merged = { ...differing(after, base), ...(isUnsure ? named(after, open.fields) : {}) };
    if (Object.keys(merged).length > 0) this.#write(row, 'patch', before.uid, merged, open.maybeSent);
    else settle(row);
  }

  delete(name: string): void {
    const row = this.row(name);
    const object = this.served(name);
    if (object === undefined) return;
    const { uid } = object;
    const unsent = row.writes.some((write) => write.verb === 'create' && write.uid === uid && isUnsent(write));
    if (!unsent || row.cloud?.uid === uid) {
      this.#write(row, 'delete', uid, {});
      return;
    }
    row.writes = row.writes.filter((write) => write.uid !== uid);
    beNamed(row, uid);
    settle(row);
  }

  /** What may be sent now, oldest first: of each object the first write without an answer, if it is not on its way. */
  pending(): { readonly name: string; readonly write: ModelWrite }[] {
    return [...this.rows]
      .flatMap(([name, { writes }]) => {
        const first = writes.find(({ answer }) => answer === undefined);
        return first === undefined || writes.some(({ inFlight }) => inFlight) ? [] : [{ name, write: first }];
      })
      .sort((a, b) => a.write.sequence - b.write.sequence);
  }

  answer(name: string, write: ModelWrite, outcome: ModelOutcome): void {
    const row = this.row(name);
    write.inFlight = false;
    if (outcome.type === 'unavailable' || !row.writes.includes(write)) return;
    if (outcome.type === 'applied') {
      write.answer = { version: outcome.version };
      if (write.verb === 'create') {
        beNamed(row, write.uid);
        rename(row, write.uid, outcome.uid);
      }
    } else if (write.verb === 'delete' && outcome.gone) {
      write.answer = { version: undefined };
    } else if (write.verb === 'create') {
      beNamed(row, write.uid);
      const taken = row.cloud?.uid === write.uid;
      row.writes = row.writes.filter((other) => other !== write && (taken || other.uid !== write.uid));
    } else {
      row.writes = row.writes.filter((other) => other !== write);
    }
    settle(row);
  }

  release(): void {
    for (const write of this.#writes()) write.inFlight = false;
  }

  /** Another process goes on. */
  restart(): void {
    this.release();
    for (const write of this.#writes()) write.maybeSent = true;
  }

  #writes(): ModelWrite[] {
    return [...this.rows.values()].flatMap(({ writes }) => writes);
  }

  #write(row: ModelRow, verb: ModelWrite['verb'], uid: string, fields: Fields, maybeSent = false): void {
    row.writes.push({ sequence: ++this.#sequence, verb, uid, fields, inFlight: false, maybeSent, answer: undefined });
    settle(row);
  }
}

function apply(body: ModelObject | undefined, writes: readonly ModelWrite[]): ModelObject | undefined {
  let object = body;
  for (const { verb, uid, fields } of writes) {
    if (verb === 'create') object ??= { uid, fields };
    else if (object?.uid === uid) object = verb === 'delete' ? undefined : { uid, fields: { ...object.fields, ...fields } };
  }
  return object;
}

/** Ends the writes that the cloud shows, or that nothing is left of, and lets those that wait for it wait together. */
function settle(row: ModelRow): void {
  const { cloud, writes } = row;
  row.writes = writes.filter((write, index) => write.answer === undefined || waits(write, write.answer, cloud, writes, index));
  for (let index = 1; index < row.writes.length; ) {
    const [first, second] = row.writes.slice(index - 1, index + 1);
    const both = first?.verb === 'patch' && second?.verb === 'patch' && first.answer !== undefined && second.answer !== undefined;
    if (first === undefined || second?.answer === undefined || !both || first.uid !== second.uid) {
      index += 1;
      continue;
    }
    const base = apply(cloud?.body, row.writes.slice(0, index - 1));
    const after = apply(cloud?.body, row.writes.slice(0, index + 1));
    second.fields = base === undefined || after === undefined ? {} : differing(after.fields, base.fields);
    second.answer = { version: latest(first.answer?.version, second.answer.version) };
    row.writes.splice(index - 1, 1);
  }
}

function waits(
  write: ModelWrite,
  { version }: { version: number | undefined },
  cloud: ModelCloud | undefined,
  writes: readonly ModelWrite[],
  index: number,
): boolean {
  if (cloud?.uid === write.uid) return cloud.refused || version === undefined || cloud.version < version;
  const before = writes.slice(0, index);
  const goneEverywhere = writes.some(({ verb, uid, answer }) => verb === 'delete' && uid === write.uid && answer !== undefined);
  const replaced = cloud !== undefined && !before.some(({ verb, uid }) => verb === 'delete' && uid === cloud.uid);
  const bornHere = write.verb === 'create' || before.some(({ verb, uid }) => verb === 'create' && uid === write.uid);
  return bornHere && !goneEverywhere && !replaced;
}

/** The cloud has a name for that object now, or has refused it; a later one of the device may still have none. */
function beNamed(row: ModelRow, uid: string): void {
  if (row.provisional !== uid) return;
  row.provisional = row.writes.find((write) => write.verb === 'create' && write.answer === undefined && write.uid !== uid)?.uid;
}

function rename(row: ModelRow, from: string, to: string): void {
  for (const write of row.writes) if (write.uid === from) write.uid = to;
}

function isUnsent({ answer, maybeSent }: ModelWrite): boolean {
  return answer === undefined && !maybeSent;
}

/** The fields that `of` names. */
function named(fields: Fields, of: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => Object.hasOwn(of, name)));
}

function differing(fields: Fields, base: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name, value]) => base[name] !== value));
}

function same(a: Fields, b: Fields): boolean {
  return Object.keys(differing(a, b)).length === 0 && Object.keys(differing(b, a)).length === 0;
}

function latest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : Math.max(a, b);
}
