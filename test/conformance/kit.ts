import type { Random } from '../model/random.ts';
import { expectStatus, NotApplicable, objectOf } from './expect.ts';
import { type Answer, type Client, isWatch, type Query } from './http/client.ts';
import { type Kind, type KubeObject, pathOf } from './http/objects.ts';
import type { Watch } from './http/watch.ts';
import type { Labels, Subject } from './subjects/subject.ts';
import type { Trash } from './trash.ts';

/** One thing that a server must do. Checks run one after the other and leave nothing behind that another could stumble over. */
export interface Check {
  /** `group.what`, as `--only` takes it. */
  readonly name: string;
  /** What must hold, in one line. */
  readonly what: string;
  /**
   * @returns text where something is worth telling though it passed
   * @throws Failed, NotApplicable
   */
  run(kit: Kit): Promise<unknown>;
}

export interface KitOptions {
  readonly client: Client;
  readonly namespace: string;
  /** Begins the name of everything that this run makes. */
  readonly prefix: string;
  readonly random: Random;
  /** Of the checks that go on for a while. */
  readonly seconds: number;
  /** For caches to become what the list is after the last write, in milliseconds. */
  readonly catchUpMs: number;
  readonly trash: Trash;
  /** The first is the usual one; none: nothing may be written. */
  readonly subjects: readonly Subject[];
  /** A kind that may be listed and watched, whether written or not. */
  readonly readable: Kind;
  /** "" where all namespaces may be read. */
  readonly readableNamespace: string;
  readonly progress: (line: string) => void;
}

export const MERGE = 'application/merge-patch+json';
export const STRATEGIC = 'application/strategic-merge-patch+json';
export const JSON_PATCH = 'application/json-patch+json';

/** What checks work with: the server, and objects on it that are theirs. */
export class Kit {
  readonly options: KitOptions;
  readonly client: Client;
  #names = 0;

  constructor(options: KitOptions) {
    this.options = options;
    this.client = options.client;
  }

  /** @throws NotApplicable where nothing may be written */
  get subject(): Subject {
    const [first] = this.options.subjects;
    if (first === undefined) throw new NotApplicable('nothing may be written here with these credentials');
    return first;
  }

  /** The subject that are pods. @throws NotApplicable */
  get pods(): Subject {
    const found = this.options.subjects.find(({ kind }) => kind.resource === 'pods');
    if (found === undefined) throw new NotApplicable('no pods may be made here with these credentials');
    return found;
  }

  /** The collection of the subject in its namespace. */
  collection(subject = this.subject): string {
    return pathOf(subject.kind, subject.namespace);
  }

  path(name: string, subject = this.subject): string {
    return pathOf(subject.kind, subject.namespace, name);
  }

  /** Where the object is changed: itself, or its status. */
  changed(name: string, subject = this.subject): string {
    return pathOf(subject.kind, subject.namespace, name, subject.through);
  }

  /** One that nobody else has. */
  name(what: string): string {
    return `${this.options.prefix}-${what}-${this.#names++}`;
  }

  /** Labels that only the objects of one check have, and the selector that chooses them. */
  group(what: string): { readonly labels: Labels; readonly selector: string } {
    const value = this.name(what);
    return { labels: { 'conformance-group': value }, selector: `conformance-group=${value}` };
  }

  /** @throws Failed unless it is created */
  async create(name: string, { labels = {}, value = '1', subject = this.subject }: CreateOptions = {}): Promise<KubeObject> {
    this.options.trash.note(subject.kind, subject.namespace, name);
    const answer = await this.client.call('POST', this.collection(subject), { body: subject.body(name, labels, value) });
    expectStatus(`create of ${name}`, answer, 201);
    return objectOf(`create of ${name}`, answer);
  }

  /** Changes the value, by whatever the subject takes. @throws Failed */
  async change(name: string, value: string, subject = this.subject): Promise<KubeObject> {
    const [outer, inner] = subject.valuePath;
    const body = { [outer]: { [inner]: value } };
    if (subject.patches) return objectOf(`patch of ${name}`, await this.patch(name, body, MERGE, subject));
    const current = objectOf(`get of ${name}`, await this.client.call('GET', this.path(name, subject)));
    return objectOf(`update of ${name}`, await this.put(name, subject.withValue(current, value), subject));
  }

  async relabel(name: string, labels: Readonly<Record<string, string | null>>, subject = this.subject): Promise<KubeObject> {
    return objectOf(`relabelling of ${name}`, await this.patch(name, { metadata: { labels } }, MERGE, subject));
  }

  patch(name: string, body: unknown, contentType = MERGE, subject = this.subject, query: Query = {}): Promise<Answer> {
    return this.client.call('PATCH', this.changed(name, subject), { body, contentType, query });
  }

  put(name: string, body: KubeObject, subject = this.subject, query: Query = {}): Promise<Answer> {
    return this.client.call('PUT', this.changed(name, subject), { body, query });
  }

  async get(name: string, subject = this.subject): Promise<KubeObject> {
    return objectOf(`get of ${name}`, await this.client.call('GET', this.path(name, subject)));
  }

  /** At once, without grace. @throws Failed */
  async remove(name: string, subject = this.subject): Promise<void> {
    const answer = await this.client.call('DELETE', this.path(name, subject), { query: { gracePeriodSeconds: 0 } });
    expectStatus(`delete of ${name}`, answer, 200);
    this.options.trash.forget(subject.kind, subject.namespace, name);
  }

  /** @throws Failed unless the server answers 200 */
  async watch(path: string, query: Query, accept?: string): Promise<Watch> {
    const opened = await this.client.watch(path, { query, ...(accept === undefined ? {} : { accept }) });
    if (isWatch(opened)) return opened;
    expectStatus(`watch of ${path}`, opened, 200);
    throw new Error('a watch that is none was answered with 200');
  }

  requireRelabelling(subject = this.subject): void {
    if (!subject.relabels) throw new NotApplicable(`${subject.title} may not be given other labels here`);
  }

  requirePatches(subject = this.subject): void {
    if (!subject.patches) throw new NotApplicable(`${subject.title} may not be patched here`);
  }

  requireUpdates(subject = this.subject): void {
    if (!subject.updates) throw new NotApplicable(`${subject.title} may not be updated here`);
  }
}

export interface CreateOptions {
  readonly labels?: Labels;
  /** Default "1". */
  readonly value?: string;
  readonly subject?: Subject;
}
