import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkOutput, linesOfPem, neverSay, secretsIn, takeFindings } from './output-check.ts';
import { createAuthority } from './pki.ts';
import { planted } from './planted.ts';
import { runCommand, startProcess } from './processes.ts';

const SAID = Buffer.from(`{"password":"${planted('of the test')}"}`).toString('base64');
const script = (text: string) => ['-e', `console.error(Buffer.from('${Buffer.from(text).toString('hex')}', 'hex').toString())`];

test('what a process says is looked through when it ends, on both of its streams', async () => {
  const started = startProcess({ name: 'talker', args: script(SAID) });
  await started.exited;
  assert.match(takeFindings().join('\n'), /^talker has said a planted value \(base64 at \d\)/);
  await runCommand({ name: 'command', args: script(SAID) });
  assert.match(takeFindings().join('\n'), /^command has said a planted value/);
  await runCommand({ name: 'command', args: script('nothing of that kind') });
  assert.deepEqual(takeFindings(), []);
});

test('a value that becomes known later is found in what was said before', () => {
  const check = checkOutput('early');
  check.line('token 0123456789abcdef-late');
  neverSay('0123456789abcdef-late');
  check.end();
  assert.equal(takeFindings().length > 0, true);
});

test('keys, tokens and headers are known by their form', async () => {
  const { keyPem } = await createAuthority('x');
  const jwt = `${Buffer.from('{"alg":"RS256"}').toString('base64url')}.${Buffer.from('{"iss":"kubernetes"}').toString('base64url')}.${'s'.repeat(86)}`;
  for (const text of [keyPem, JSON.stringify({ keyPem }), `token ${jwt}.`, 'authorization: Bearer 0123456789abcdefgh']) {
    assert.notDeepEqual(secretsIn(text), [], text);
  }
  neverSay(...linesOfPem(keyPem));
  assert.notDeepEqual(secretsIn(keyPem.replaceAll('-----', '').replaceAll('PRIVATE', '')), []);
  for (const text of ['bearer of news', 'Basic authentication', '-----BEGIN CERTIFICATE-----', 'eyJ.eyJ.x']) {
    assert.deepEqual(secretsIn(text), [], text);
  }
});
