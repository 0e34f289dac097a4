/**
 * Makes protocol/src/gen from protocol/proto with buf and protoc-gen-es (`npm run generate`). The result is committed;
 * a test makes it again into another folder and compares.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const bin = join(root, 'node_modules', '.bin');

/** Generates below `outDir`. @throws when buf refuses the .proto files or is not installed */
export function generateProtocol(outDir: string): void {
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` };
  const cwd = join(root, 'protocol');
  execFileSync('buf', ['lint'], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  execFileSync('buf', ['generate', '--output', outDir], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Every generated file by its path below `src/gen`, with its text. */
export function readGenerated(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map((file) => {
      const path = join(file.parentPath, file.name);
      return [path.slice(folder.length + 1), readFileSync(path, 'utf8')];
    }),
  );
}

/** Runs `use` with a fresh generation in a folder that is removed afterwards. */
export function withFreshGeneration(use: (genFolder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-generate-'));
  try {
    generateProtocol(folder);
    use(join(folder, 'src', 'gen'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  generateProtocol(join(root, 'protocol'));
  console.error('protocol/src/gen is made anew');
}
