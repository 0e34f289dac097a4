import { HawserError, type ObjectKey } from '@hawser/protocol';

/**
 * Objects that one session may name, deleted ones included: months of a busy device, some 5 MB. A batch that goes over it is a
 * protocol error, and the next session begins at 1.
 */
const MAX_SESSION_OBJECTS = 50_000;

/** The small numbers by which a session names objects after it has given their keys once. */
export class ObjectNumbers {
  readonly #keys = new Map<number, ObjectKey>();

  /** Begins anew, as an inventory does: the entries get 1, 2, … in order. */
  restart(): void {
    this.#keys.clear();
  }

  assignNext(key: ObjectKey): number {
    const number = this.#keys.size + 1;
    this.#keys.set(number, key);
    return number;
  }

  /**
   * @param key as the operation gave it
   * @throws HawserError `protocol` for an unknown number without a key, or a known one with another
   */
  resolve(number: number, key: ObjectKey | undefined): ObjectKey {
    const known = this.#keys.get(number);
    if (known !== undefined && (key === undefined || key === known)) return known;
    if (known !== undefined) throw new HawserError('protocol', `object ${number} is ${known} and cannot become ${key}`);
    if (key === undefined) throw new HawserError('protocol', `object ${number} has not been given a key`);
    if (this.#keys.size >= MAX_SESSION_OBJECTS)
      throw new HawserError('protocol', `more than ${MAX_SESSION_OBJECTS} objects in one session`);
    this.#keys.set(number, key);
    return key;
  }
}
