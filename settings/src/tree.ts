/** Settings by name, sections within: what a file holds and a schema checks. */
export type Tree = Readonly<Record<string, unknown>>;

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What stands at the path; undefined where nothing does. Only a tree's own names count. */
export function lookUp(tree: Tree, path: readonly string[]): unknown {
  let at: unknown = tree;
  for (const step of path) {
    if (!isTree(at) || !Object.hasOwn(at, step)) return undefined;
    at = at[step];
  }
  return at;
}

/** A copy with that value. What stands where a section should be stays, so that the schema can complain about it. */
export function withValue(tree: Tree, [step, ...rest]: readonly string[], value: unknown): Tree {
  if (step === undefined) return tree;
  if (rest.length === 0) return { ...tree, [step]: value };
  const inner = tree[step] ?? {};
  return isTree(inner) ? { ...tree, [step]: withValue(inner, rest, value) } : tree;
}
