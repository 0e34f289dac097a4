import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Command } from 'commander';
import { addAdministrator, asAdministrator, refusedBy } from './administrator.ts';

function kubeconfig(t: TestContext, namespace?: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-admin-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'kubeconfig');
  const context = { cluster: 'c', user: 'u', ...(namespace === undefined ? {} : { namespace }) };
  const config = {
    'current-context': 'here',
    contexts: [{ name: 'here', context }],
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
    users: [{ name: 'u', user: { token: 'abc' } }],
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
}

/** The namespace in which the command would work. */
async function namespaceOf(args: string[], env: Record<string, string> = {}): Promise<string> {
  let namespace = '';
  const command = addAdministrator(new Command('t')).action(() =>
    asAdministrator(command, { env }, async (administrator) => {
      namespace = administrator.namespace;
    }),
  );
  await command.parseAsync(args, { from: 'user' });
  return namespace;
}

test('the cluster is that of the flag, of the setting, of KUBECONFIG, or of the home folder as for kubectl', async (t) => {
  const [flag, variable, usual] = ['of-flag', 'of-variable', 'of-kubectl'].map((name) => kubeconfig(t, name));
  assert.ok(flag !== undefined && variable !== undefined && usual !== undefined);
  assert.equal(await namespaceOf(['--kubeconfig', flag], { HAWSER_KUBECONFIG: variable, KUBECONFIG: usual }), 'of-flag');
  assert.equal(await namespaceOf([], { HAWSER_KUBECONFIG: variable, KUBECONFIG: usual }), 'of-variable');
  assert.equal(await namespaceOf([], { KUBECONFIG: usual }), 'of-kubectl');
  await assert.rejects(namespaceOf([], { KUBECONFIG: `${usual}:${flag}` }), { code: 'bad_config', message: /several files/ });
  await assert.rejects(namespaceOf([]), { code: 'bad_config', message: /no kubeconfig is set \(--kubeconfig FILE\)/ });
  const home = dirname(kubeconfig(t));
  await assert.rejects(namespaceOf([], { HOME: home }), { code: 'bad_config', message: /no kubeconfig is set/ });
  mkdirSync(join(home, '.kube'));
  renameSync(kubeconfig(t, 'of-home'), join(home, '.kube', 'config'));
  assert.equal(await namespaceOf([], { HOME: home }), 'of-home');
  assert.equal(await namespaceOf([], { HOME: home, KUBECONFIG: usual }), 'of-kubectl');
});

test('the namespace is that of the flag, of the relay’s own setting, of the kubeconfig, or the usual one', async (t) => {
  const [named, plain] = [kubeconfig(t, 'of-context'), kubeconfig(t)];
  const setting = { HAWSER_REPLICA_NAMESPACE: 'of-relay' };
  assert.equal(await namespaceOf(['--kubeconfig', named, '-n', 'of-flag'], setting), 'of-flag');
  assert.equal(await namespaceOf(['--kubeconfig', named], setting), 'of-relay');
  assert.equal(await namespaceOf(['--kubeconfig', plain]), 'hawser-system');
});

test('the file of the relay serves, whatever else stands in it', async (t) => {
  const path = `${kubeconfig(t)}.yaml`;
  writeFileSync(path, `kubeconfig: ${kubeconfig(t)}\nreplica: {namespace: edge}\nlink: {port: 1}\n`);
  assert.equal(await namespaceOf(['--config', path]), 'edge');
});

test('what the API server refuses is told in its own words, and a right that is missing apart from the rest', () => {
  const status = (code: number, message: string) => ({
    status: code,
    headers: {},
    text: JSON.stringify({ kind: 'Status', code, message }),
  });
  const forbidden = refusedBy('it was not read', status(403, 'secrets "a" is forbidden'));
  assert.equal(forbidden.code, 'unauthorized');
  assert.equal(forbidden.message, 'it was not read: secrets "a" is forbidden');
  assert.equal(refusedBy('it was not read', status(500, 'etcd is away')).code, 'unreachable');
});
