/** What each device needs follows from these, whatever is to be deleted. */
const DECISIVE = ['nodes', 'pods'] as const;

/**
 * Which resources were listed a second time since this relay started. One that was needs no third: what a later list lacks is
 * compared with what was known before. At most one entry for each watched resource.
 */
export class SecondLists {
  readonly #ask: ((resource: string) => void) | undefined;
  readonly #asked = new Set<string>();
  readonly #made = new Set<string>();

  /** @param ask is to list the resource once more and to call `made` then; undefined: one list is enough */
  constructor(ask: ((resource: string) => void) | undefined) {
    this.#ask = ask;
  }

  /** Asks for those that are missing. */
  have(resources: Iterable<string>): boolean {
    if (this.#ask === undefined) return true;
    const missing = [...new Set([...DECISIVE, ...resources])].filter((resource) => !this.#made.has(resource));
    for (const resource of missing) {
      if (this.#asked.has(resource)) continue;
      this.#asked.add(resource);
      this.#ask(resource);
    }
    return missing.length === 0;
  }

  made(resource: string): void {
    this.#made.add(resource);
  }
}
