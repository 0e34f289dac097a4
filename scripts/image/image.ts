/** The relay's image, out of its executables and Debian's libraries. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../bundle.ts';
import { type Executable, ensureExecutables } from '../package/ensure.ts';
import { type BillOfMaterials, billOfMaterials, type Component } from '../package/sbom.ts';
import type { Architecture } from '../package/targets.ts';
import type { DebianArchitecture, DebianPackage } from './debian.ts';
import { type ImageConfig, ociLayout, type PlatformImage } from './layout.ts';
import { RELAY_PATH, rootOf, USER } from './root.ts';
import { type Entry, tar } from './tar.ts';

/** As Debian and Kubernetes name them, and as Node does. */
export const ARCHITECTURES: Readonly<Record<DebianArchitecture, Architecture>> = { amd64: 'x64', arm64: 'arm64' };
/** Links of devices; metrics and health; the administrative endpoint. */
const PORTS = [8443, 8081, 8444];
/** Of all files and of the image: a time that says nothing, so that equal contents are equal bytes. 2026-01-01. */
export const SECONDS = 1_767_225_600;
const CREATED = new Date(SECONDS * 1000).toISOString().replace('.000', '');

const { version, license, description } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<string, string>;
export const TAG = version ?? '';

/** The files of the image's layout. `onPart` is told what has been made. */
export async function relayImage(architectures: readonly DebianArchitecture[], onPart: (text: string) => void): Promise<Entry[]> {
  const images: PlatformImage[] = [];
  for (const arch of architectures) {
    const [executable] = await ensureExecutables({ only: 'relay', arch: ARCHITECTURES[arch] });
    if (executable === undefined) throw new Error(`there is no executable for ${arch}`);
    const bill = await billOfMaterials(executable);
    const { base, program, packages } = await rootOf(arch, readFileSync(executable.file), (debian) => ({
      copyright: copyrightOf(executable),
      'hawser-relay.cdx.json': `${JSON.stringify(withPackages(bill, debian), undefined, 2)}\n`,
    }));
    const layers = [
      { tar: tar(base, SECONDS), from: `Debian: ${packages.map(({ name, version: of }) => `${name} ${of}`).join(', ')}` },
      { tar: tar(program, SECONDS), from: `hawser-relay ${TAG}` },
    ];
    images.push({ arch, config: configOf(packages), layers });
    onPart(`${arch}: ${layers.map(({ tar: { length }, from }) => `${from}, ${(length / 1e6).toFixed(1)} MB`).join('; ')}`);
  }
  return ociLayout(images, TAG, CREATED);
}

function configOf(packages: readonly DebianPackage[]): ImageConfig {
  return {
    user: `${USER}:${USER}`,
    entrypoint: [`/${RELAY_PATH}`],
    command: ['run'],
    ports: PORTS,
    labels: {
      'org.opencontainers.image.title': 'hawser-relay',
      'org.opencontainers.image.description': description ?? '',
      'org.opencontainers.image.version': TAG,
      'org.opencontainers.image.licenses': license ?? '',
      'dev.hawser.debian-packages': packages.map(({ name, version: of }) => `${name}=${of}`).join(' '),
    },
  };
}

/** The bill of the executable with the packages whose libraries it is started with. */
function withPackages(bill: BillOfMaterials, packages: readonly DebianPackage[]): BillOfMaterials {
  const components = packages.map(componentOf);
  const refs = components.map((component) => component['bom-ref']);
  const own = bill.metadata.component['bom-ref'];
  const dependencies = bill.dependencies.map(({ ref, dependsOn }) => ({
    ref,
    dependsOn: ref === own ? [...dependsOn, ...refs].sort() : dependsOn,
  }));
  return {
    ...bill,
    components: [...bill.components, ...components],
    dependencies: [...dependencies, ...refs.map((ref) => ({ ref, dependsOn: [] }))],
  };
}

function componentOf({ name, version: of, arch, sha256 }: DebianPackage): Component {
  const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(of)}?arch=${arch}`;
  return { type: 'library', 'bom-ref': purl, name, version: of, purl, hashes: [{ alg: 'SHA-256', content: sha256 }] };
}

/** Ours, and that of Node, which names what is within Node. */
function copyrightOf({ arch }: Executable): string {
  const own = readFileSync(join(ROOT, 'LICENSE'), 'utf8');
  const node = readFileSync(join(ROOT, 'node_modules', `node-linux-${arch === 'x64' ? arch : 'x64'}`, 'LICENSE'), 'utf8');
  return `Hawser\n\n${own}\n${'='.repeat(80)}\nNode.js, and what is within it\n\n${node}`;
}
