import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Of our own, which are in the bundle under the project's license. */
const OURS = /^@hawser\//;
const LICENSE_FILE = /^(licen[cs]e|notice|copying)/i;

/** The licenses of all packages that a workspace depends on, found as Node finds them, one after the other by name. */
export function packageLicenses(workspace: string): string {
  const found = new Map<string, string>();
  const visit = (folder: string) => {
    const { dependencies = {} } = manifestIn(folder);
    for (const name of Object.keys(dependencies)) {
      const at = folderOf(name, folder);
      const { version, license } = manifestIn(at);
      const title = `${name} ${version}`;
      if (found.has(title)) continue;
      if (OURS.test(name)) found.set(title, '');
      else found.set(title, `${title}${license === undefined ? '' : ` (${license})`}\n\n${licenseIn(at)}`);
      visit(at);
    }
  };
  visit(workspace);
  const texts = [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
  return texts.filter((text) => text !== '').join(`\n${'-'.repeat(80)}\n\n`);
}

function licenseIn(folder: string): string {
  const files = readdirSync(folder).filter((name) => LICENSE_FILE.test(name));
  return files.map((name) => `${readFileSync(join(folder, name), 'utf8').trim()}\n`).join('\n');
}

function folderOf(name: string, from: string): string {
  for (let at = from; ; at = dirname(at)) {
    const folder = join(at, 'node_modules', name);
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (dirname(at) === at) throw new Error(`${name} is not installed: npm ci`);
  }
}

function manifestIn(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}
