/** Bundling of the two commands, for what is started by Node and for what is put into an executable. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Options } from 'tsup';
import { requireBuiltins } from './require-builtins.ts';

/** The project's root. */
export const ROOT = join(import.meta.dirname, '..');

export const PROGRAMS = ['relay', 'agent'] as const;
export type Program = (typeof PROGRAMS)[number];

const ENTRIES: Readonly<Record<Program, string>> = {
  relay: join(ROOT, 'cloud', 'src', 'main.ts'),
  agent: join(ROOT, 'edge', 'src', 'main.ts'),
};

/** Bundled CommonJS packages call require for Node's own modules. */
export const MAKES_REQUIRE = 'const require = __createRequire(import.meta.url);';
const REQUIRE = `import { createRequire as __createRequire } from 'node:module';\n${MAKES_REQUIRE}`;

const NOT_ASCII = /[\u0080-\u{10ffff}]/gu;

export interface BundleOptions {
  /** They are written there as `hawser-NAME.mjs`. */
  readonly folder: string;
  readonly programs?: readonly Program[];
  /**
   * Where better-sqlite3 finds its native library. `modules`: the package stays outside and is found in node_modules. Otherwise it is
   * bundled, and this module takes the place of the one that looks for the library.
   */
  readonly sqlite: 'modules' | { readonly bindingModule: string };
}

/**
 * A module each, which imports nothing but `createRequire` (and better-sqlite3, where that stays outside).
 * @returns the files; those of programs that were not asked for are not made
 */
export async function bundle({ folder, programs = PROGRAMS, sqlite }: BundleOptions): Promise<Readonly<Record<Program, string>>> {
  await build({
    entry: Object.fromEntries(programs.map((name) => [`hawser-${name}`, ENTRIES[name]])),
    outDir: folder,
    // Executables and packages may lie there too.
    clean: false,
    config: false,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    splitting: false,
    sourcemap: false,
    // Stronger than `external` in tsup, so the exception must stand here too.
    noExternal: sqlite === 'modules' ? [/^(?!better-sqlite3$)/] : [/./],
    external: sqlite === 'modules' ? ['better-sqlite3'] : [],
    esbuildPlugins: sqlite === 'modules' ? [] : [bindingBy(sqlite.bindingModule)],
    outExtension: () => ({ js: '.mjs' }),
    banner: { js: REQUIRE },
    tsconfig: join(ROOT, 'tsconfig.json'),
    // Without it, node:sea is no module of Node.
    removeNodeProtocol: false,
    silent: true,
  });
  const fileOf = (name: Program) => join(folder, `hawser-${name}.mjs`);
  for (const file of programs.map(fileOf)) {
    writeFileSync(file, requireBuiltins(inAscii(readFileSync(file, 'utf8')), MAKES_REQUIRE));
  }
  return { relay: fileOf('relay'), agent: fileOf('agent') };
}

type Plugin = NonNullable<Options['esbuildPlugins']>[number];

function bindingBy(module: string): Plugin {
  return {
    name: 'binding of better-sqlite3',
    setup(esbuild) {
      esbuild.onResolve({ filter: /^\.\/binding$/ }, ({ importer }) =>
        /[\\/]better-sqlite3[\\/]lib[\\/]index\.js$/.test(importer) ? { path: module } : undefined,
      );
    },
  };
}

/**
 * V8 keeps the source as long as the process runs, with two bytes for each character if a single one is not Latin-1: 2 MB more for
 * an agent. esbuild has escaped all that counts; what is left stands in comments.
 */
function inAscii(source: string): string {
  return source
    .split('\n')
    .map((line) => {
      const at = line.search(NOT_ASCII);
      if (at === -1) return line;
      if (!/\/\/|\/?\*/.test(line.slice(0, at))) throw new Error(`no comment, and not ASCII: ${line.trim()}`);
      return line.replaceAll(NOT_ASCII, '?');
    })
    .join('\n');
}
