import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { parseOptions } from './options.ts';

const SERVER = ['--server', 'https://127.0.0.1:6443', '--token', 'secret'];

describe('the command line of the conformance kit', () => {
  it('takes server and token', () => {
    const options = parseOptions([...SERVER, '--seed', '7', '--seconds', '3', '--only', 'watch', '-o', 'json', '--insecure']);
    assert.ok(typeof options === 'object');
    const { access, seed, seconds, only, output, namespace } = options;
    assert.deepEqual([access.server, access.token, access.insecure], ['https://127.0.0.1:6443', 'secret', true]);
    assert.deepEqual([seed, seconds, only, output, namespace], [7, 3, ['watch'], 'json', 'default']);
  });

  it('takes a token from a file, which ps does not show', (t) => {
    const file = fileWith(t, 'from a file\n');
    const options = parseOptions(['--server', 'https://localhost', '--token-file', file]);
    assert.equal(typeof options === 'object' && options.access.token, 'from a file');
  });

  it('takes a kubeconfig, with certificates in it or beside it', (t) => {
    const ca = fileWith(t, 'the authority');
    const kubeconfig = fileWith(
      t,
      JSON.stringify({
        'current-context': 'here',
        contexts: [{ name: 'here', context: { cluster: 'c', user: 'u' } }],
        clusters: [{ name: 'c', cluster: { server: 'https://localhost:1', 'certificate-authority': ca } }],
        users: [{ name: 'u', user: { 'client-certificate-data': btoa('a certificate'), 'client-key-data': btoa('its key') } }],
      }),
    );
    const options = parseOptions(['--kubeconfig', kubeconfig]);
    assert.ok(typeof options === 'object');
    const { server, ca: authority, cert, key, token } = options.access;
    assert.deepEqual(
      [server, authority, cert, key, token],
      ['https://localhost:1', 'the authority', 'a certificate', 'its key', undefined],
    );
    assert.throws(() => parseOptions(['--kubeconfig', kubeconfig, '--context', 'there']), /no context "there"/);
  });

  it('says of a kubeconfig whose credentials a program makes that it needs a token', (t) => {
    const kubeconfig = fileWith(
      t,
      JSON.stringify({
        'current-context': 'here',
        contexts: [{ name: 'here', context: { cluster: 'c', user: 'u' } }],
        clusters: [{ name: 'c', cluster: { server: 'https://localhost:1' } }],
        users: [{ name: 'u', user: { exec: { command: 'login' } } }],
      }),
    );
    assert.throws(() => parseOptions(['--kubeconfig', kubeconfig]), /neither token nor client certificate .*exec.*--token/);
  });

  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /--server or --kubeconfig/],
    [['--server', 'http://127.0.0.1', '--token', 'x'], /no https/],
    [['--server', 'https://127.0.0.1'], /as whom/],
    [[...SERVER, '--cert', 'x'], /--cert and --key/],
    [[...SERVER, '--seed', '-1'], /seed/],
    [[...SERVER, '--seconds', '0'], /seconds/],
    [[...SERVER, '--only', 'teapots'], /no check begins with teapots/],
    [[...SERVER, '-o', 'xml'], /text or json/],
    [[...SERVER, '--namespace', 'A b'], /no name/],
    [[...SERVER, '--frobnicate'], /frobnicate/],
    [[...SERVER, '--ca', '/nowhere/ca.crt'], /cannot be read/],
  ];
  for (const [args, why] of wrong) {
    it(`refuses ${JSON.stringify(args.filter((arg) => !SERVER.includes(arg)))}`, () => {
      assert.throws(() => parseOptions(args), why);
    });
  }
});

function fileWith(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-conformance-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'file');
  writeFileSync(file, text);
  return file;
}
