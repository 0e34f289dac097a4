import { compareResourceVersions, type JsonObject, jsonEquals } from '@hawser/protocol';
import type { Change } from '../api/storage.ts';
import type { ChangeLog } from './change-log.ts';
import { differenceOf } from './patches.ts';
import { endedWrites, fold, type OpenWrite, type Row, uidOf } from './row.ts';
import type { RowTable } from './row-table.ts';

/** Keeps what is served in step with what it follows from. Everything here runs within a transaction. */
export class Objects {
  readonly rows: RowTable;
  readonly #log: ChangeLog;
  readonly #changed: (change: Change) => void;

  /** @param changed told of each change, within the transaction */
  constructor(rows: RowTable, log: ChangeLog, changed: (change: Change) => void) {
    this.rows = rows;
    this.#log = log;
    this.#changed = changed;
  }

  /**
   * Ends the writes that have ended, computes what is served anew and logs the difference, if there is one. A row that nothing
   * is left of goes.
   * @param identity `renamed` when another uid is the same object's, and not another object's
   * @returns the newest change, if there was one
   */
  refresh(id: number, identity: 'asItIs' | 'renamed' = 'asItIs'): Change | undefined {
    const row = this.#endWrites(this.rows.byId(id));
    const before = row.revision === undefined ? undefined : this.#log.state(row.revision);
    const after = fold(row.cloud, row.writes);
    const change = this.#logDifference(row, before, after, identity);
    if (row.cloud === undefined && row.writes.length === 0) this.rows.remove(id);
    return change;
  }

  /** The cloud has said how it calls an object that was born here: the same in every open write that names it. */
  replaceUid(provisional: string, uid: string): void {
    for (const id of this.rows.replaceUid(provisional, uid)) this.refresh(id, 'renamed');
  }

  #endWrites(row: Row): Row {
    const ended = endedWrites(row);
    for (const number of ended) this.rows.removeWrite(number);
    const open = row.writes.filter(({ number }) => !ended.includes(number));
    return { ...row, writes: this.#mergeAnswered(row, open) };
  }

  /**
   * Patches that are answered and wait for the cloud's object become one, which waits for the latest of their versions.
   * Without this they would pile up where that object does not come: events, or a session that may not send yet.
   */
  #mergeAnswered(row: Row, writes: readonly OpenWrite[]): readonly OpenWrite[] {
    const index = writes.findIndex((write, at) => isAnsweredPatch(write) && mergesWith(write, writes[at + 1]));
    const first = writes[index];
    const second = writes[index + 1];
    if (first === undefined || second === undefined) return writes;
    const before = fold(row.cloud, writes.slice(0, index));
    const after = fold(row.cloud, writes.slice(0, index + 2));
    const patch = before === undefined || after === undefined ? undefined : differenceOf(before, after);
    this.rows.removeWrite(first.number);
    const body = JSON.stringify(patch ?? {});
    const resourceVersion = later(answeredVersion(first), answeredVersion(second));
    this.rows.setBody(row, second.number, body);
    this.rows.setAnswered(second.number, resourceVersion);
    const merged: OpenWrite = { ...second, body, answer: { state: 'applied', resourceVersion } };
    return this.#mergeAnswered(row, [...writes.slice(0, index), merged, ...writes.slice(index + 2)]);
  }

  #logDifference(row: Row, before: JsonObject | undefined, after: JsonObject | undefined, identity: string): Change | undefined {
    if (before === undefined) return after === undefined ? undefined : this.#append('ADDED', row, after, undefined);
    if (after === undefined) return this.#append('DELETED', row, undefined, row.revision);
    if (jsonEquals(before, after)) return undefined;
    if (uidOf(before) === uidOf(after) || identity === 'renamed') return this.#append('MODIFIED', row, after, row.revision);
    this.#append('DELETED', row, undefined, row.revision);
    return this.#append('ADDED', row, after, undefined);
  }

  #append(type: Change['type'], row: Row, object: JsonObject | undefined, previous: number | undefined): Change {
    const change = this.#log.append(type, row.key, object, previous);
    this.rows.setRevision(row.id, object === undefined ? undefined : change.revision);
    this.#changed(change);
    return change;
  }
}

function isAnsweredPatch({ verb, answer }: OpenWrite): boolean {
  return verb === 'patch' && answer.state === 'applied';
}

function mergesWith(first: OpenWrite, second: OpenWrite | undefined): boolean {
  return second !== undefined && isAnsweredPatch(second) && second.uid === first.uid;
}

function answeredVersion({ answer }: OpenWrite): string | undefined {
  return answer.state === 'applied' ? answer.resourceVersion : undefined;
}

/** A write that removed the object (undefined) outlasts every version. */
function later(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return undefined;
  return compareResourceVersions(a, b) > 0 ? a : b;
}
