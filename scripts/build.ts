/**
 * Bundles the two commands: `npm run build` makes dist/hawser-relay.mjs and dist/hawser-agent.mjs (`npm run build -- FOLDER`
 * makes them elsewhere), each one file that starts with Node 24. Only better-sqlite3 stays outside, since it holds a native library; it is found in node_modules.
 */
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { bundle, ROOT } from './bundle.ts';
import { minified } from './minify.ts';

const folder = resolve(ROOT, process.argv[2] ?? 'dist');

for (const file of Object.values(await bundle({ folder, sqlite: 'modules' }))) {
  writeFileSync(file, await minified(readFileSync(file, 'utf8')));
  chmodSync(file, 0o755);
  console.log(`${relative(ROOT, file)}  ${(statSync(file).size / 1024).toFixed(0)} KB`);
}
