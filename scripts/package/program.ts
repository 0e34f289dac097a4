import { MAKES_REQUIRE } from '../bundle.ts';

const IMPORTS_CREATE_REQUIRE = "import { createRequire as __createRequire } from 'node:module';";
const INTERPRETER = /^#!.*$/;

/**
 * The bundle as the script that an executable of Node 24 starts with: that is CommonJS, and `require` is there and gives Node's own modules.
 * A module may await outside of functions, a script may not, so all of it stands in one function. Lines stay where they are.
 * @param module which imports nothing but `createRequire`
 * @throws for another
 */
export function asScript(module: string): string {
  const lines = module.split('\n');
  const first = lines.findIndex((line) => !INTERPRETER.test(line));
  const requireAt = lines.indexOf(MAKES_REQUIRE);
  if (lines[requireAt - 1] !== IMPORTS_CREATE_REQUIRE)
    throw new Error('the bundle does not make its require as it is known here');
  const body = lines.with(requireAt - 1, '').with(requireAt, '');
  const other = body.find((line) => /^(import|export)\b(?!\s*\()/.test(line) && !/^import(?:\.meta|\()/.test(line));
  if (other !== undefined) throw new Error(`the bundle imports or exports: ${other}`);
  for (let at = 0; at < first; at += 1) body[at] = '';
  return `(async () => { "use strict";${body.join('\n')}\n})();\n`;
}
