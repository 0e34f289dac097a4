import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { NODE, ROOT } from './processes.ts';

const run = promisify(execFile);

/** `npm ci` of another version, where its lock file is another one. */
const INSTALL_TIMEOUT_MS = 240_000;
const BUILD_TIMEOUT_MS = 120_000;

/** The newest release with another minor version than this one, of tags `vX.Y.Z`; undefined where there is none yet. */
export function neighbourOf(tags: readonly string[], version: string): string | undefined {
  const [major, minor] = version.split('.').map(Number);
  const releases = tags.flatMap((tag) => {
    const numbers = /^v(\d+)\.(\d+)\.(\d+)$/.exec(tag)?.slice(1).map(Number);
    return numbers === undefined ? [] : [{ tag, numbers }];
  });
  const others = releases.filter(({ numbers }) => numbers[0] !== major || numbers[1] !== minor);
  others.sort((a, b) => compare(b.numbers, a.numbers));
  return others[0]?.tag;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [index, number] of a.entries()) {
    const difference = number - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** What the story is told with: the release of another minor, or what `HAWSER_NEIGHBOUR` names, any commit. */
export async function findNeighbour(version: string): Promise<string | undefined> {
  const named = process.env.HAWSER_NEIGHBOUR;
  if (named !== undefined && named !== '') return named;
  const { stdout } = await run('git', ['tag', '--list', 'v*'], { cwd: ROOT });
  return neighbourOf(stdout.split('\n'), version);
}

/** Relay and agent of that commit, built by its own scripts with the packages of its own lock file. */
export async function buildOf(t: TestContext, commit: string): Promise<{ readonly relay: string; readonly agent: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-neighbour-'));
  const tree = join(folder, 'tree');
  t.after(async () => {
    await run('git', ['worktree', 'remove', '--force', tree], { cwd: ROOT });
    rmSync(folder, { recursive: true, force: true });
  });
  await run('git', ['worktree', 'add', '--detach', tree, commit], { cwd: ROOT });
  const lock = (root: string) => readFileSync(join(root, 'package-lock.json'), 'utf8');
  if (lock(tree) === lock(ROOT)) linkPackages(tree);
  else await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: tree, timeout: INSTALL_TIMEOUT_MS });
  await run(NODE, ['scripts/build.ts', 'dist'], { cwd: tree, timeout: BUILD_TIMEOUT_MS });
  return { relay: join(tree, 'dist', 'hawser-relay.mjs'), agent: join(tree, 'dist', 'hawser-agent.mjs') };
}

/** The same packages, but for the workspaces, which are the tree's own. */
function linkPackages(tree: string): void {
  const modules = join(tree, 'node_modules');
  mkdirSync(join(modules, '@hawser'), { recursive: true });
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (name !== '@hawser') symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  for (const name of readdirSync(join(ROOT, 'node_modules', '@hawser'))) {
    if (existsSync(join(tree, name))) symlinkSync(join(tree, name), join(modules, '@hawser', name));
  }
}
