/** The OpenAPI definitions that kube-apiserver is compiled with: its source package lacks them, as its own build makes them. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const MARK = '+k8s:openapi-gen=';
/** Parts of paths whose packages are not served: tests, examples, the generators themselves. */
const LEFT_OUT = /test|_examples|generated|sample-|code-generator|kube-openapi/;
/** Staged repositories are seen as vendored. */
const TREES = [
  { folder: 'pkg', as: 'pkg' },
  { folder: 'vendor/k8s.io', as: 'vendor/k8s.io' },
  { folder: 'staging/src/k8s.io', as: 'vendor/k8s.io' },
];

/** Import paths of the packages that ask for definitions, in order; symbolic links are not followed. */
export async function openapiPackages(root: string): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const { folder, as } of TREES) {
    for (const file of await goFiles(join(root, folder), as)) {
      if (LEFT_OUT.test(file.as)) continue;
      if ((await readFile(file.path, 'utf8')).includes(MARK)) found.add(`k8s.io/kubernetes/${parentOf(file.as)}`);
    }
  }
  return [...found].sort();
}

async function goFiles(folder: string, as: string): Promise<{ readonly path: string; readonly as: string }[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.go'))
    .map(({ name }) => ({ path: join(folder, name), as: `${as}/${name}` }));
  for (const entry of entries) {
    if (entry.isDirectory()) files.push(...(await goFiles(join(folder, entry.name), `${as}/${entry.name}`)));
  }
  return files;
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}
