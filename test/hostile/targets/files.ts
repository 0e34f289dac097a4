import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadCredentials, resolveConfig } from '@hawser/cloud';
import { resolveConfig as resolveAgentConfig } from '@hawser/edge';
import { ManifestError, parseManifests } from '../../../scripts/demo/manifests.ts';
import { attempt, type Target } from '../engine/target.ts';
import { linesMutator } from '../mutate/lines.ts';
import { MB, MS } from './limits.ts';

/** YAML as the library parses it takes some hundred times its text, which is 256 KB at most here. */
const BYTES = 128 * MB;
const bounds = { ms: MS, bytes: BYTES, inputBytes: 64 * 1024 };

const yaml = linesMutator([
  ...[
    '&a ',
    '*a',
    '<<: *a',
    '- ',
    '? ',
    ': ',
    '[',
    ']',
    '{',
    '}',
    '|',
    '>',
    '"',
    "'",
    '#',
    '%YAML 1.2',
    '---',
    '...',
    '!!binary ',
    '!!js/function ',
  ],
  ...[
    '!!set ',
    '!!omap ',
    '!!timestamp ',
    '\t',
    '\u0000',
    '\ufeff',
    '\u0085',
    '0x',
    '1e999',
    '.inf',
    '~',
    'null',
    'yes',
    '__proto__: 1',
    'link:',
    'limits:',
    'a: &x [*x]',
  ],
]);

export const settings: Target = {
  name: 'settings',
  what: 'configuration files of relay and agent',
  corpus: ['settings'],
  bounds,
  mutators: [yaml],
  open: () => ({
    run(input) {
      const file = { path: 'fuzz.yaml', text: Buffer.from(input).toString('utf8') };
      const verdicts = [resolveConfig, resolveAgentConfig].map((resolve) =>
        attempt(() => resolve({ file, env: {}, flags: new Map() })),
      );
      return verdicts.includes('taken') ? 'taken' : 'refused';
    },
  }),
};

export const kubeconfigs: Target = {
  name: 'kubeconfigs',
  what: 'kubeconfig files of the relay',
  corpus: ['kubeconfigs'],
  // Twice the tokens of a configuration, and each may be an error.
  bounds: { ...bounds, ms: 2 * MS },
  mutators: [yaml],
  open: () => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-fuzz-files-'));
    const kubeconfig = join(folder, 'config');
    return {
      run(input) {
        writeFileSync(kubeconfig, input);
        return attempt(() => loadCredentials({ kubeconfig }));
      },
      close: () => rmSync(folder, { recursive: true }),
    };
  },
};

export const manifests: Target = {
  name: 'manifests',
  what: 'manifests of the demonstration',
  corpus: ['manifests'],
  // Files of any length, in time that grows with it: 64 KB may take so long.
  bounds: { ...bounds, ms: 6 * MS },
  mutators: [yaml],
  open: () => ({
    run: (input) =>
      attempt(
        () => parseManifests(Buffer.from(input).toString('utf8'), 'fuzz.yaml'),
        (error) => error instanceof ManifestError,
      ),
  }),
};
