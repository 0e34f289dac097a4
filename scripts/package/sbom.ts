/**
 * The bill of materials of an executable: CycloneDX 1.6, as JSON. It has no time and no random number in it: the same executable has the
 * same bill.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Program, ROOT } from '../bundle.ts';
import { hashOf } from '../npm-package.ts';
import { productionTree } from './dependencies.ts';
import type { Executable } from './ensure.ts';
import { type LockedPackage, type LockedPackages, readLockFile } from './lock-file.ts';
import { NODE } from './node.ts';
import { fileNameOf } from './targets.ts';
import { withinNode } from './within-node.ts';

export interface Component {
  readonly type: 'application' | 'library' | 'platform';
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses?: readonly ({ readonly license: { readonly id: string } } | { readonly expression: string })[];
  readonly hashes?: readonly { readonly alg: 'SHA-256' | 'SHA-512'; readonly content: string }[];
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
  readonly components?: readonly Component[];
}

export interface BillOfMaterials {
  readonly $schema: string;
  readonly bomFormat: 'CycloneDX';
  readonly specVersion: '1.6';
  readonly serialNumber: string;
  readonly version: 1;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

const WORKSPACES: Readonly<Record<Program, string>> = { relay: 'cloud', agent: 'edge' };
const SQLITE_HEADER = join(ROOT, 'node_modules', 'better-sqlite3', 'deps', 'sqlite3', 'sqlite3.h');
const BETTER_SQLITE = 'node_modules/better-sqlite3';

export async function billOfMaterials(executable: Executable): Promise<BillOfMaterials> {
  const { program, arch, file } = executable;
  const packages = readLockFile();
  const sha256 = (await hashOf(file, 'sha256')).toString('hex');
  const workspace = WORKSPACES[program];
  const tree = productionTree(packages, workspace);
  const root = applicationOf(executable, packages[workspace], sha256);
  const platform = nodeFor(arch);
  const sqlite = tree.has(BETTER_SQLITE) ? sqliteOf(arch) : undefined;
  const refOf = (path: string) => (path === workspace ? root['bom-ref'] : purlOf(path, packages[path]));
  const paths = [...tree.keys()].filter((path) => path !== workspace).sort();
  // Nested copies of one version are one component.
  const libraries = new Map(paths.map((path) => [refOf(path), libraryOf(path, packages)]));
  const edges = new Map<string, Set<string>>();
  for (const [path, needs] of tree) {
    const known = edges.get(refOf(path)) ?? new Set();
    for (const need of needs) known.add(refOf(need));
    edges.set(refOf(path), known);
  }
  edges.get(root['bom-ref'])?.add(platform['bom-ref']);
  edges.set(platform['bom-ref'], new Set());
  if (sqlite !== undefined) {
    edges.get(refOf(BETTER_SQLITE))?.add(sqlite['bom-ref']);
    edges.set(sqlite['bom-ref'], new Set());
  }
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(sha256)}`,
    version: 1,
    metadata: { component: root },
    components: [platform, ...(sqlite === undefined ? [] : [sqlite]), ...libraries.values()],
    dependencies: [...edges].map(([ref, needs]) => ({ ref, dependsOn: [...needs].sort() })),
  };
}

function applicationOf(executable: Executable, workspace: LockedPackage | undefined, sha256: string): Component {
  const { program, arch } = executable;
  const version = workspace?.version ?? '';
  return {
    type: 'application',
    'bom-ref': fileNameOf(executable),
    name: `hawser-${program}`,
    version,
    purl: `pkg:generic/hawser-${program}@${version}?arch=${arch}&os=linux`,
    licenses: licensesOf(workspace?.license),
    hashes: [{ alg: 'SHA-256', content: sha256 }],
  };
}

/** The hash is that of the program that Node's own release has; in the executable it is without its symbols. */
function nodeFor(arch: Executable['arch']): Component {
  const ref = `pkg:generic/node@${NODE.version}`;
  return {
    type: 'platform',
    'bom-ref': ref,
    name: 'node',
    version: NODE.version,
    purl: ref,
    licenses: licensesOf('MIT'),
    hashes: [{ alg: 'SHA-256', content: NODE[arch].binarySha256 }],
    components: withinNode(process.versions, NODE.version),
  };
}

/** The hash is that of the native library that carries it. */
function sqliteOf(arch: Executable['arch']): Component {
  const version = /^#define SQLITE_VERSION\s+"([\d.]+)"$/m.exec(readFileSync(SQLITE_HEADER, 'utf8'))?.[1];
  if (version === undefined) throw new Error(`${SQLITE_HEADER} does not say which SQLite it is`);
  const library = readFileSync(join(ROOT, BETTER_SQLITE, 'prebuilds', `linux-${arch}.node`));
  const ref = `pkg:generic/sqlite@${version}`;
  return {
    type: 'library',
    'bom-ref': ref,
    name: 'sqlite',
    version,
    purl: ref,
    licenses: licensesOf('blessing'),
    hashes: [{ alg: 'SHA-256', content: createHash('sha256').update(library).digest('hex') }],
  };
}

function libraryOf(path: string, packages: LockedPackages): Component {
  const found = packages[path];
  const { name, version } = nameOf(path, found);
  const purl = purlOf(path, found);
  const content = /^sha512-(.+)$/.exec(found?.integrity ?? '')?.[1];
  return {
    type: 'library',
    'bom-ref': purl,
    name,
    version,
    purl,
    licenses: licensesOf(found?.license),
    // That of the package's archive; what is ours comes from no registry.
    ...(content && { hashes: [{ alg: 'SHA-512', content: Buffer.from(content, 'base64').toString('hex') }] }),
  };
}

function nameOf(path: string, found: LockedPackage | undefined): { readonly name: string; readonly version: string } {
  const name = found?.name ?? path.split('node_modules/').at(-1) ?? path;
  if (found?.version === undefined) throw new Error(`package-lock.json says no version of ${name}`);
  return { name, version: found.version };
}

/** Package URL of npm: the @ of a scope is escaped. */
function purlOf(path: string, found: LockedPackage | undefined): string {
  const { name, version } = nameOf(path, found);
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

function licensesOf(license: string | undefined): NonNullable<Component['licenses']> {
  if (license === undefined) throw new Error('a package says no licence: look it up, and say so here');
  return /[ ()]/.test(license) ? [{ expression: license.replace(/^\((.*)\)$/, '$1') }] : [{ license: { id: license } }];
}

/** A UUID of version 8 (RFC 9562): what is in it is ours to say. */
function uuidOf(sha256: string): string {
  const digits = `${sha256.slice(0, 12)}8${sha256.slice(13, 16)}8${sha256.slice(17, 32)}`;
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
