import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { HEAP_OPTIONS as RELAY_HEAP } from '../../cloud/src/heap-options.ts';
import { HEAP_OPTIONS as AGENT_HEAP } from '../../edge/src/heap-options.ts';
import type { Program } from '../bundle.ts';
import { ROOT } from '../bundle.ts';
import { minified } from '../minify.ts';
import { MACHINES, machineOf, stripped } from './elf.ts';
import { fetchNode } from './node.ts';
import { asScript } from './program.ts';
import { fileNameOf, type Target } from './targets.ts';

const NODE = join(ROOT, 'node_modules', '.bin', 'node');
const POSTJECT = join(ROOT, 'node_modules', 'postject', 'dist', 'cli.js');
const PREBUILDS = join(ROOT, 'node_modules', 'better-sqlite3', 'prebuilds');

/** Where Node looks for what it starts with, and what says that there is something (Node, "Single executable applications"). */
const RESOURCE = 'NODE_SEA_BLOB';
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** Of both steps, each some seconds, on a machine that is busy. In milliseconds. */
const STEP_TIMEOUT_MS = 5 * 60_000;

/**
 * Options of Node and V8 that hold whenever the executable starts. Nobody else gives it any: NODE_OPTIONS is not read.
 * - disable-sigusr1: that signal opens no inspector, by which anybody on the device could run code in the process
 * - those of the heap: set before V8 begins, those of the agent save 2.5 MB more than set by the program, and those of the relay do anything at all
 */
const OPTIONS: Readonly<Record<Program, readonly string[]>> = {
  relay: ['--disable-sigusr1', ...RELAY_HEAP],
  agent: ['--disable-sigusr1', ...AGENT_HEAP],
};

/** What of it an executable needs beside its program, by the names under which edge/src/native asks for them. */
function assetsOf({ program, arch }: Target, work: string): Readonly<Record<string, string>> {
  // The relay has no database.
  if (program !== 'agent') return {};
  const library = join(PREBUILDS, `linux-${arch}.node`);
  const content = readFileSync(library);
  if (machineOf(content) !== MACHINES[arch]) throw new Error(`${library} is for another architecture than ${arch}`);
  const facts = join(work, `better-sqlite3-${arch}.facts`);
  const sha256 = createHash('sha256').update(content).digest('hex');
  writeFileSync(facts, `${sha256} ${content.length}`);
  return { 'better-sqlite3.node': library, 'better-sqlite3.facts': facts };
}

export interface Making {
  readonly target: Target;
  /** The bundle of the program. */
  readonly bundle: string;
  /** For what is in between; the executable is made there too, under its name. */
  readonly work: string;
}

/**
 * One executable: Node without its symbols, and the program and what belongs to it as a note inside. Nothing of this machine is in it, and
 * no code that V8 has compiled: that would be for this machine's architecture. The same sources make the same bytes.
 * @returns its file
 */
export async function makeExecutable({ target, bundle, work }: Making): Promise<string> {
  const name = fileNameOf(target);
  const script = scriptName(target.program);
  writeFileSync(join(work, script), await minified(asScript(readFileSync(bundle, 'utf8'))));
  const config = `${name}.json`;
  const blob = `${name}.blob`;
  writeFileSync(
    join(work, config),
    JSON.stringify({
      // As it is given here it stands in traces of errors.
      main: script,
      output: blob,
      disableExperimentalSEAWarning: true,
      useSnapshot: false,
      useCodeCache: false,
      execArgv: OPTIONS[target.program],
      execArgvExtension: 'none',
      assets: assetsOf(target, work),
    }),
  );
  await run(NODE, ['--experimental-sea-config', config], work);
  const file = join(work, name);
  const node = readFileSync(await fetchNode(target.arch));
  if (machineOf(node) !== MACHINES[target.arch]) throw new Error(`the Node for ${target.arch} is for another architecture`);
  writeFileSync(file, stripped(node));
  await run(NODE, [POSTJECT, name, RESOURCE, blob, '--sentinel-fuse', FUSE], work);
  chmodSync(file, 0o755);
  return file;
}

function scriptName(program: Program): string {
  return `hawser-${program}.js`;
}

async function run(command: string, args: readonly string[], cwd: string): Promise<void> {
  await promisify(execFile)(command, [...args], { cwd, timeout: STEP_TIMEOUT_MS }).catch((cause: unknown) => {
    const { stdout = '', stderr = '' } = cause as { stdout?: string; stderr?: string };
    throw new Error(`${args.join(' ')} failed: ${stderr}${stdout}`, { cause });
  });
}
