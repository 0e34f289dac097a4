import type { Component } from './sbom.ts';

/** Libraries that Node is built with, by the names under which `process.versions` tells them, and their licences by SPDX. */
const LIBRARIES: Readonly<Record<string, { readonly name: string; readonly license: string }>> = {
  acorn: { name: 'acorn', license: 'MIT' },
  ada: { name: 'ada', license: 'MIT' },
  ares: { name: 'c-ares', license: 'MIT' },
  brotli: { name: 'brotli', license: 'MIT' },
  icu: { name: 'icu', license: 'Unicode-3.0' },
  llhttp: { name: 'llhttp', license: 'MIT' },
  nghttp2: { name: 'nghttp2', license: 'MIT' },
  openssl: { name: 'openssl', license: 'Apache-2.0' },
  simdjson: { name: 'simdjson', license: 'Apache-2.0' },
  simdutf: { name: 'simdutf', license: 'MIT' },
  sqlite: { name: 'sqlite', license: 'blessing' },
  undici: { name: 'undici', license: 'MIT' },
  uv: { name: 'libuv', license: 'MIT' },
  uvwasi: { name: 'uvwasi', license: 'MIT' },
  v8: { name: 'v8', license: 'BSD-3-Clause' },
  zlib: { name: 'zlib', license: 'Zlib' },
  zstd: { name: 'zstd', license: 'BSD-3-Clause' },
};

/**
 * What is inside Node: what a scanner has to know to say that a fault of OpenSSL concerns an executable.
 * @param versions `process.versions` of that same Node: the libraries are the same on each architecture
 * @throws for another Node
 */
export function withinNode(versions: NodeJS.Dict<string>, node: string): readonly Component[] {
  if (versions.node !== node)
    throw new Error(`this is Node ${versions.node}, and the executables have ${node}: use the project's own`);
  return Object.entries(LIBRARIES).map(([key, { name, license }]) => {
    const version = versions[key];
    if (!version) throw new Error(`Node ${node} does not say which ${name} it has`);
    const purl = `pkg:generic/${name}@${version}`;
    return { type: 'library', 'bom-ref': `node/${name}`, name, version, purl, licenses: [{ license: { id: license } }] };
  });
}
