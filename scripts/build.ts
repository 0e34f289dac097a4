/**
 * Bundles the two commands: `npm run build` makes dist/hawser-relay.mjs and dist/hawser-agent.mjs (`npm run build -- FOLDER`
 * makes them elsewhere), each one file that starts with Node 24. Only better-sqlite3 stays outside, since it holds a native library; it is found in node_modules.
 */
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { build } from 'tsup';
import { requireBuiltins } from './require-builtins.ts';

const root = join(import.meta.dirname, '..');
const dist = resolve(root, process.argv[2] ?? 'dist');

/** Bundled CommonJS packages call require for Node's own modules. */
const MAKES_REQUIRE = 'const require = __createRequire(import.meta.url);';
const REQUIRE = `import { createRequire as __createRequire } from 'node:module';\n${MAKES_REQUIRE}`;

const NOT_ASCII = /[\u0080-\u{10ffff}]/gu;

await build({
  entry: { 'hawser-relay': join(root, 'cloud', 'src', 'main.ts'), 'hawser-agent': join(root, 'edge', 'src', 'main.ts') },
  outDir: dist,
  clean: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  splitting: false,
  sourcemap: false,
  // Stronger than `external` in tsup, so the exception must stand here too.
  noExternal: [/^(?!better-sqlite3$)/],
  external: ['better-sqlite3'],
  outExtension: () => ({ js: '.mjs' }),
  banner: { js: REQUIRE },
  tsconfig: join(root, 'tsconfig.json'),
  silent: true,
});

for (const name of ['hawser-relay.mjs', 'hawser-agent.mjs']) {
  const file = join(dist, name);
  writeFileSync(file, requireBuiltins(inAscii(readFileSync(file, 'utf8')), MAKES_REQUIRE));
  chmodSync(file, 0o755);
  console.log(`${relative(root, file)}  ${(statSync(file).size / 1024).toFixed(0)} KB`);
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
