import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { NODE } from '../../support/processes.ts';

/** In KB: what a call in the middle of others, with code that is not compiled yet, may find left of a stack. */
const SMALL_STACK_KB = 200;
const SCRIPT = `
  const [{ mutateDer }, { Random }] = await Promise.all([import('./der.ts'), import('../../model/random.ts')]);
  const input = Buffer.from('300a02010530050201030400', 'hex');
  let longest = 0;
  for (let seed = 0; seed < 500; seed += 1) longest = Math.max(longest, mutateDer(new Random(seed), input, [input]).length);
  console.log(longest);
`;

test('values are nested by the thousand on any stack', () => {
  const { status, stdout, stderr } = spawnSync(
    NODE,
    [`--stack-size=${SMALL_STACK_KB}`, '--input-type=module', '--eval', SCRIPT],
    {
      cwd: import.meta.dirname,
      encoding: 'utf8',
    },
  );
  assert.equal(status, 0, stderr);
  assert.ok(Number(stdout) > 4_000, `the longest has ${stdout} bytes`);
});
