import { readFileSync } from 'node:fs';
import { ociLayout } from '../../scripts/image/layout.ts';
import { type Entry, tar } from '../../scripts/image/tar.ts';

/** What all containers of these tests run, the pause container among them. No registry has it: `.test` resolves nowhere. */
export const IMAGE = 'hawser.test/busybox:1';

const COMMANDS = ['sh', 'cat', 'sleep', 'env', 'ls', 'trap'];
/** Seconds, some 68 years. */
const FOR_EVER = '2147483647';

/**
 * An image of one static program as an OCI archive, which `ctr images import` takes.
 * @param busybox path of the program, statically linked, of this machine's architecture
 */
export function busyboxImage(busybox: string): Buffer {
  const program: Entry = { type: 'file', path: 'usr/bin/busybox', mode: 0o755, content: readFileSync(busybox) };
  const folders = ['usr', 'usr/bin', 'etc', 'tmp'].map((path): Entry => ({ type: 'folder', path, mode: 0o755 }));
  const links = COMMANDS.map((name): Entry => ({ type: 'link', path: `usr/bin/${name}`, target: 'busybox' }));
  const layer = tar([...folders, program, ...links], 0);
  const config = { user: '', entrypoint: ['/usr/bin/sleep'], command: [FOR_EVER], ports: [], labels: {} };
  const arch = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const layout = ociLayout([{ arch, config, layers: [{ tar: layer, from: 'busybox' }] }], IMAGE, '1970-01-01T00:00:00Z');
  return tar(layout, 0);
}
