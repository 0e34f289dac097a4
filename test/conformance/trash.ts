import { type Client, messageOf } from './http/client.ts';
import { type Kind, pathOf } from './http/objects.ts';

/** Objects that one run may have made and not removed. At the bound a check fails: it has lost track. */
const MOST_OBJECTS = 20_000;
/** Deletes under way at the same time. */
const AT_A_TIME = 8;

interface Made {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
}

/** What the kit has made and must remove again: noted before it is made, so that an answer that is lost leaves nothing behind. */
export class Trash {
  readonly #client: Client;
  readonly #made = new Map<string, Made>();

  constructor(client: Client) {
    this.#client = client;
  }

  note(kind: Kind, namespace: string, name: string): void {
    if (this.#made.size >= MOST_OBJECTS) throw new Error(`more than ${MOST_OBJECTS} objects were made and not removed`);
    this.#made.set(pathOf(kind, namespace, name), { kind, namespace, name });
  }

  /** It is known to be gone. */
  forget(kind: Kind, namespace: string, name: string): void {
    this.#made.delete(pathOf(kind, namespace, name));
  }

  get size(): number {
    return this.#made.size;
  }

  /** Removes everything. @returns lines about what could not be removed */
  async empty(): Promise<string[]> {
    const left: string[] = [];
    const waiting = [...this.#made.values()];
    this.#made.clear();
    const work = async () => {
      for (let made = waiting.pop(); made !== undefined; made = waiting.pop()) {
        const why = await this.#remove(made);
        if (why !== undefined) left.push(`${pathOf(made.kind, made.namespace, made.name)}: ${why}`);
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
    return left;
  }

  async #remove({ kind, namespace, name }: Made): Promise<string | undefined> {
    const path = pathOf(kind, namespace, name);
    try {
      const answer = await this.#client.call('DELETE', path, { query: { gracePeriodSeconds: 0 } });
      if (answer.status === 404) return undefined;
      if (answer.status >= 300) return `${answer.status} ${answer.failure.message ?? answer.text}`;
      if ((answer.object?.metadata.finalizers?.length ?? 0) === 0) return undefined;
      const body = { metadata: { finalizers: null } };
      const patched = await this.#client.call('PATCH', path, { body, contentType: 'application/merge-patch+json' });
      return patched.status < 300 || patched.status === 404 ? undefined : `${patched.status} ${patched.text}`;
    } catch (cause) {
      return messageOf(cause);
    }
  }
}
