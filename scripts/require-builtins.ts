import { isBuiltin } from 'node:module';

const IMPORT = /^import (?<names>.+) from ["'](?<module>[^"']+)["'];$/;
/** One of so many names that esbuild writes each on a line of its own. */
const LONG_IMPORT = /^import \{\n(?: {2}[\w$ ]+,?\n)+\} from /gm;
/** `require` is made from it. */
const OF_REQUIRE = 'module';

/**
 * A bundle in which Node's own modules are required in place of imported: for an import Node reads every export of the module, and that of
 * `http` makes it load what `fetch` is made of. 3 MB, for a program that has no use for it.
 * @param source as esbuild writes it
 * @param after the line that makes `require`; what is imported is there before anything else runs, so it follows that line
 * @throws for an import in another form
 */
export function requireBuiltins(source: string, after: string): string {
  const required: string[] = [];
  const others = source
    .replaceAll(LONG_IMPORT, (text) => text.replaceAll(/\s+/g, ' '))
    .split('\n')
    .filter((line) => {
      const { names = '', module = '' } = IMPORT.exec(line)?.groups ?? {};
      const name = module.replace(/^node:/, '');
      // Some are known by their whole name only, such as node:sea.
      if (!isBuiltin(module) || name === OF_REQUIRE) return true;
      required.push(`const ${bindingOf(names, line)} = require("node:${name}");`);
      return false;
    });
  const at = others.indexOf(after);
  if (at < 0) throw new Error(`the bundle has no line ${after}`);
  return [...others.slice(0, at + 1), ...required, ...others.slice(at + 1)].join('\n');
}

function bindingOf(names: string, line: string): string {
  const namespace = /^\* as ([\w$]+)$/.exec(names)?.[1];
  if (namespace !== undefined) return namespace;
  // The default of such a module is what it exports.
  if (/^[\w$]+$/.test(names)) return names;
  if (!/^\{ (?:[\w$]+(?: as [\w$]+)?(?:, )?)+ \}$/.test(names) || /\bdefault as\b/.test(names))
    throw new Error(`not understood: ${line}`);
  return names.replaceAll(' as ', ': ');
}
