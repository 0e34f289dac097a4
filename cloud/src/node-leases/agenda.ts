/**
 * Names in the order of a number, such as the time when something is due: each once. A binary heap that knows where each name is, so
 * that one can be moved or taken out; bounded by the number of names.
 */
export class Agenda {
  readonly #items: { readonly name: string; readonly at: number }[] = [];
  readonly #places = new Map<string, number>();

  get size(): number {
    return this.#items.length;
  }

  has(name: string): boolean {
    return this.#places.has(name);
  }

  first(): { readonly name: string; readonly at: number } | undefined {
    return this.#items[0];
  }

  /** Moves a name that is in it already. */
  put(name: string, at: number): void {
    const place = this.#places.get(name) ?? this.#items.length;
    this.#set(place, { name, at });
    this.#settle(place);
  }

  drop(name: string): void {
    const place = this.#places.get(name);
    if (place === undefined) return;
    this.#places.delete(name);
    const last = this.#items.pop();
    if (last === undefined || last.name === name) return;
    this.#set(place, last);
    this.#settle(place);
  }

  #settle(from: number): void {
    let place = from;
    while (place > 0 && this.#isBefore(place, (place - 1) >> 1)) place = this.#swap(place, (place - 1) >> 1);
    for (;;) {
      const left = 2 * place + 1;
      const child = left + 1 < this.#items.length && this.#isBefore(left + 1, left) ? left + 1 : left;
      if (child >= this.#items.length || !this.#isBefore(child, place)) return;
      place = this.#swap(place, child);
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [first, second] = [this.#items[a], this.#items[b]];
    return first !== undefined && second !== undefined && first.at < second.at;
  }

  #swap(a: number, b: number): number {
    const [first, second] = [this.#items[a], this.#items[b]];
    if (first === undefined || second === undefined) return b;
    this.#set(a, second);
    this.#set(b, first);
    return b;
  }

  #set(place: number, item: { readonly name: string; readonly at: number }): void {
    this.#items[place] = item;
    this.#places.set(item.name, place);
  }
}
