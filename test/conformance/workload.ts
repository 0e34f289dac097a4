import type { Random } from '../model/random.ts';
import { expectEqual } from './expect.ts';
import type { KubeObject } from './http/objects.ts';
import type { Kit } from './kit.ts';
import type { Labels, Subject } from './subjects/subject.ts';

/** Names that are written again and again: few, so that each has a history. */
const NAMES = 12;
const COLOURS = ['red', 'blue', 'green'] as const;

/** What an object should be, by the answers to its writes. */
interface Known {
  readonly object: KubeObject;
  readonly value: string | undefined;
  readonly colour: string | undefined;
}

/**
 * Random writes of one subject: creates, changes by patch and by update, other labels, writes that change nothing, deletes, and deletes
 * with a create after. Which comes next depends on the seed and on what there is, never on time.
 */
export class Workload {
  readonly #kit: Kit;
  readonly #subject: Subject;
  readonly #random: Random;
  readonly #labels: Labels;
  readonly #names: readonly string[];
  readonly #known = new Map<string, Known>();
  #writes = 0;

  constructor(kit: Kit, subject: Subject, random: Random, labels: Labels) {
    this.#kit = kit;
    this.#subject = subject;
    this.#random = random;
    this.#labels = labels;
    this.#names = Array.from({ length: NAMES }, () => kit.name('random'));
  }

  get writes(): number {
    return this.#writes;
  }

  /** Makes one move. @throws Failed when the server refuses what it should take */
  async move(): Promise<void> {
    const subject = this.#subject;
    const name = this.#random.pick(this.#names) ?? '';
    const known = this.#known.get(name);
    this.#writes++;
    if (known === undefined) return this.#create(name);
    const value = String(this.#writes);
    switch (this.#random.integer(8)) {
      case 0:
        return this.#delete(name);
      case 1:
        await this.#delete(name);
        return this.#create(name);
      case 2:
        if (subject.relabels) return this.#relabel(name, this.#random.pick(COLOURS) ?? 'red');
        return this.#learn(name, await this.#kit.change(name, value, subject));
      case 3: {
        // What changes nothing has no version of its own.
        const same = await this.#kit.change(name, known.value ?? value, subject);
        if (known.value !== undefined)
          expectEqual(`version of ${name} after a write of what was there`, version(same), version(known.object));
        return this.#learn(name, same);
      }
      case 4: {
        if (!subject.updates) break;
        const current = await this.#kit.get(name, subject);
        const answer = await this.#kit.put(name, subject.withValue(current, value), subject);
        // Others may write it in between: controllers, or the cloud behind a device.
        if (answer.status === 409) return;
        expectEqual(`status of an update of ${name}`, answer.status, 200);
        return this.#learn(name, answer.object);
      }
      default:
    }
    return this.#learn(name, await this.#kit.change(name, value, subject));
  }

  /** Removes all that is left. */
  async end(): Promise<void> {
    for (const name of [...this.#known.keys()]) await this.#delete(name);
  }

  /** @throws Failed unless these are the objects that were written, as they were last written */
  compare(items: readonly KubeObject[]): void {
    const brief = (object: KubeObject) => ({
      name: object.metadata.name,
      value: this.#subject.valueOf(object),
      colour: object.metadata.labels?.colour,
    });
    const order = (a: { name: string | undefined }, b: { name: string | undefined }) =>
      (a.name ?? '') < (b.name ?? '') ? -1 : 1;
    const wanted = [...this.#known.values()].map(({ object }) => brief(object));
    expectEqual('objects after all writes', items.map(brief).toSorted(order), wanted.toSorted(order));
  }

  async #create(name: string): Promise<void> {
    const colour = this.#random.pick(COLOURS) ?? 'red';
    const labels = { ...this.#labels, colour };
    this.#learn(name, await this.#kit.create(name, { labels, value: String(this.#writes), subject: this.#subject }));
  }

  async #relabel(name: string, colour: string): Promise<void> {
    this.#learn(name, await this.#kit.relabel(name, { colour }, this.#subject));
  }

  async #delete(name: string): Promise<void> {
    await this.#kit.remove(name, this.#subject);
    this.#known.delete(name);
  }

  #learn(name: string, object: KubeObject | undefined): void {
    if (object === undefined) return;
    this.#known.set(name, { object, value: this.#subject.valueOf(object), colour: object.metadata.labels?.colour });
  }
}

function version(object: KubeObject): string | undefined {
  return object.metadata.resourceVersion;
}
