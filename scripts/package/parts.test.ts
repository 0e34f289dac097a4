import assert from 'node:assert/strict';
import { test } from 'node:test';
import manifest from '../../package.json' with { type: 'json' };
import { productionTree } from './dependencies.ts';
import { stripped } from './elf.ts';
import { readLockFile } from './lock-file.ts';
import { NODE } from './node.ts';
import { asScript } from './program.ts';

const BEGIN =
  "#!/usr/bin/env node\nimport { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);\n";

test('a bundle becomes a script in which every line stays where it is', () => {
  const script = asScript(`${BEGIN}const { join } = require("node:path");\nawait main();\nconst later = await import("./x");\n`);
  assert.deepEqual(script.split('\n').slice(3, 6), [
    'const { join } = require("node:path");',
    'await main();',
    'const later = await import("./x");',
  ]);
  assert.match(script, /^\(async \(\) => \{ "use strict";\n/);
});

test('a bundle that imports or exports more, or makes its require otherwise, is refused', () => {
  assert.throws(() => asScript(`${BEGIN}import x from "better-sqlite3";\n`), /imports or exports: import x/);
  assert.throws(() => asScript(`${BEGIN}export { x };\n`), /imports or exports/);
  assert.throws(() => asScript('const x = 1;\n'), /does not make its require/);
});

test('the Node of the executables is the one of the project', () => {
  const packages = readLockFile();
  for (const arch of ['x64', 'arm64'] as const) {
    assert.equal(manifest.optionalDependencies[`node-linux-${arch}`], NODE.version);
    assert.equal(packages[`node_modules/node-linux-${arch}`]?.version, NODE.version);
  }
  assert.equal(process.versions.node, NODE.version, 'with another Node, put its bytes and hashes into scripts/package/node.json');
});

test('what a workspace needs is found as Node finds it: its own copy first, then outwards, and our own workspaces by their links', () => {
  const tree = productionTree(
    {
      edge: { name: '@hawser/edge', dependencies: { a: '1', '@hawser/protocol': '1' } },
      protocol: { name: '@hawser/protocol', dependencies: { b: '1' } },
      'node_modules/@hawser/protocol': { link: true },
      'node_modules/a': { dependencies: { b: '2', c: '1' } },
      'node_modules/a/node_modules/b': { dependencies: { c: '1' } },
      'node_modules/b': {},
      'node_modules/c': {},
      'node_modules/unused': {},
    },
    'edge',
  );
  assert.deepEqual(Object.fromEntries([...tree].sort()), {
    edge: ['node_modules/a', 'protocol'],
    'node_modules/a': ['node_modules/a/node_modules/b', 'node_modules/c'],
    'node_modules/a/node_modules/b': ['node_modules/c'],
    'node_modules/b': [],
    'node_modules/c': [],
    protocol: ['node_modules/b'],
  });
  assert.throws(() => productionTree({ edge: { dependencies: { gone: '1' } } }, 'edge'), /no gone, which edge needs/);
});

test('an ELF file loses the sections that are not loaded, and nothing else', () => {
  const section = (type: number, flags: number, offset: number, size: number) => {
    const header = Buffer.alloc(64);
    header.writeUInt32LE(type, 4);
    header.writeBigUInt64LE(BigInt(flags), 8);
    header.writeBigUInt64LE(BigInt(offset), 24);
    header.writeBigUInt64LE(BigInt(size), 32);
    return header;
  };
  const file = Buffer.alloc(64);
  file.writeUInt32LE(0x464c457f, 0);
  file.writeUInt16LE(0x0102, 4);
  file.writeUInt16LE(183, 18);
  const parts = [Buffer.from('loaded!!'), Buffer.from('symbols-symbols-'), Buffer.from('names\0\0\0')];
  file.writeBigUInt64LE(96n, 40);
  file.writeUInt16LE(4, 60);
  file.writeUInt16LE(3, 62);
  const sections = [section(0, 0, 0, 0), section(1, 2, 64, 8), section(2, 0, 72, 16), section(3, 0, 88, 8)];
  const out = stripped(Buffer.concat([file, ...parts, ...sections]));
  assert.equal(out.includes('symbols'), false);
  assert.equal(out.subarray(64, 80).toString(), 'loaded!!names\0\0\0');
  assert.equal(out.readUInt16LE(60), 3);
  assert.equal(out.readUInt16LE(62), 2);
  assert.equal(out.readBigUInt64LE(40), 80n);
  assert.throws(() => stripped(Buffer.from('no program')), /no ELF file/);
});
