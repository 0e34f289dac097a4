import type { ElfNeeds } from './elf-needs.ts';

/** The packages of Debian that the libraries are in. */
const PACKAGES: Readonly<Record<string, string>> = {
  'libc.so.6': 'libc6',
  'libm.so.6': 'libc6',
  'libdl.so.2': 'libc6',
  'libpthread.so.0': 'libc6',
  'librt.so.1': 'libc6',
  'ld-linux-x86-64.so.2': 'libc6',
  'ld-linux-aarch64.so.1': 'libc6',
  'libstdc++.so.6': 'libstdc++6',
  'libgcc_s.so.1': 'libgcc-s1',
  'libatomic.so.1': 'libatomic1',
};

/** Packages of GCC are called by its version, which names of symbols only follow: since which GCC there are GLIBCXX_3.4.N and CXXABI_1.3.N. */
const GCC_OF_GLIBCXX: Readonly<Record<number, number>> = {
  22: 6,
  23: 7,
  24: 7,
  25: 8,
  26: 9,
  27: 9,
  28: 9,
  29: 11,
  30: 12,
  31: 13,
  32: 13,
  33: 14,
};
const GCC_OF_CXXABI: Readonly<Record<number, number>> = { 10: 6, 11: 7, 12: 9, 13: 11, 14: 13, 15: 14 };
/** Of all that are older. */
const OLDEST_GCC = 5;

/**
 * The field Depends for what these files need of libraries.
 * @returns `libc6 (>= 2.28), …`, in the order of names
 * @throws for a library or a version that is not known here
 */
export function libraryDepends(files: readonly ElfNeeds[]): readonly string[] {
  const least = new Map<string, readonly number[]>();
  const need = (library: string, version: readonly number[]) => {
    const name = PACKAGES[library];
    if (name === undefined) throw new Error(`which package has ${library}?`);
    const before = least.get(name);
    if (before === undefined || compare(version, before) > 0) least.set(name, version);
  };
  for (const { libraries, versions } of files) {
    for (const library of libraries) need(library, []);
    for (const [library, names] of versions) for (const name of names) need(library, packageVersion(name));
  }
  return [...least]
    .map(([name, version]) => (version.length === 0 ? name : `${name} (>= ${version.join('.')})`))
    .sort((a, b) => (a < b ? -1 : 1));
}

function packageVersion(symbols: string): readonly number[] {
  const [, kind, text = ''] = /^(GLIBC|GLIBCXX|CXXABI|GCC|LIBATOMIC)_(\d+(?:\.\d+)*)$/.exec(symbols) ?? [];
  const version = text.split('.').map(Number);
  const [, , minor = 0] = version;
  switch (kind) {
    case 'GLIBC':
    case 'GCC':
      return version;
    case 'GLIBCXX':
      return [gccOf(GCC_OF_GLIBCXX, minor, symbols, 21)];
    case 'CXXABI':
      return [gccOf(GCC_OF_CXXABI, minor, symbols, 9)];
    case 'LIBATOMIC':
      return [];
    default:
      throw new Error(`what does the version ${symbols} mean?`);
  }
}

function gccOf(table: Readonly<Record<number, number>>, minor: number, symbols: string, oldest: number): number {
  const version = minor <= oldest ? OLDEST_GCC : table[minor];
  if (version === undefined) throw new Error(`since which GCC is there ${symbols}?`);
  return version;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
