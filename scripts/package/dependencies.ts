import type { LockedPackages } from './lock-file.ts';

/** What a workspace is made of, by the paths of the lock file, each with the paths of what it needs itself. */
export type DependencyTree = ReadonlyMap<string, readonly string[]>;

/**
 * All that the workspace needs when it runs, as npm has laid it out: a package is looked for in the node_modules of the one that needs it,
 * then outwards. Optional and peer dependencies are not bundled, so they are left out.
 * @param workspace its path: `edge`
 * @throws for one that is not in the lock file
 */
export function productionTree(packages: LockedPackages, workspace: string): DependencyTree {
  const tree = new Map<string, readonly string[]>();
  const open = [workspace];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (tree.has(path)) continue;
    const needs = Object.keys(packages[path]?.dependencies ?? {}).map((name) => find(packages, path, name));
    tree.set(path, needs);
    open.push(...needs);
  }
  return tree;
}

function find(packages: LockedPackages, from: string, name: string): string {
  for (let folder = from; ; folder = outer(folder)) {
    const path = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    const found = packages[path];
    if (found?.link === true) return workspaceOf(packages, name);
    if (found !== undefined) return path;
    if (folder === '') throw new Error(`package-lock.json has no ${name}, which ${from} needs`);
  }
}

function outer(folder: string): string {
  const at = folder.lastIndexOf('/node_modules/');
  return at === -1 ? '' : folder.slice(0, at);
}

/** A link stands for one of our own workspaces. */
function workspaceOf(packages: LockedPackages, name: string): string {
  const path = Object.keys(packages).find((key) => !key.includes('node_modules') && packages[key]?.name === name);
  if (path === undefined) throw new Error(`package-lock.json has no workspace ${name}`);
  return path;
}
