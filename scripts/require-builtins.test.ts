import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireBuiltins } from './require-builtins.ts';

const REQUIRE = 'const require = __createRequire(import.meta.url);';

test('what is imported of Node is required behind the line that makes require, and all else stays', () => {
  const source = [
    '#!/usr/bin/env node',
    "import { createRequire as __createRequire } from 'node:module';",
    REQUIRE,
    'import Database from "better-sqlite3";',
    'import { request, createServer as createServer2 } from "http";',
    'import * as os from "node:os";',
    'import process2 from "process";',
    'import { isSea } from "node:sea";',
    'import {',
    '  readFileSync,',
    '  writeFileSync as writeFileSync3',
    '} from "fs";',
    "const text = `import { x } from 'y'`;",
    'const later = await import("zlib");',
  ].join('\n');
  assert.deepEqual(requireBuiltins(source, REQUIRE).split('\n'), [
    '#!/usr/bin/env node',
    "import { createRequire as __createRequire } from 'node:module';",
    REQUIRE,
    'const { request, createServer: createServer2 } = require("node:http");',
    'const os = require("node:os");',
    'const process2 = require("node:process");',
    'const { isSea } = require("node:sea");',
    'const { readFileSync, writeFileSync: writeFileSync3 } = require("node:fs");',
    'import Database from "better-sqlite3";',
    "const text = `import { x } from 'y'`;",
    'const later = await import("zlib");',
  ]);
});

test('an import in a form that it does not know, or a bundle without require, ends the build', () => {
  for (const names of ['fs, { readFileSync }', '{ default as fs }', '{}']) {
    assert.throws(() => requireBuiltins(`${REQUIRE}\nimport ${names} from "fs";`, REQUIRE), /not understood/);
  }
  assert.throws(() => requireBuiltins('import { join } from "path";', REQUIRE), /no line/);
});
