import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import { pino } from 'pino';
import { stringify } from 'yaml';
import { createApiClient } from './client.ts';
import { loadCredentials } from './credentials.ts';
import { type Exchange, type ScriptedServer, scriptedServer } from './testing/scripted-server.ts';

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'hawser-credentials-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

function kubeconfig(server: ScriptedServer, user: object): object {
  const ca = Buffer.from(server.authority.certificatePem).toString('base64');
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'here',
    contexts: [{ name: 'here', context: { cluster: 'local', user: 'relay' } }],
    clusters: [{ name: 'local', cluster: { server: `${server.url}/`, 'certificate-authority-data': ca } }],
    users: [{ name: 'relay', user }],
  };
}

/** Writes the kubeconfig, makes one request with it, and gives what arrived. */
async function arrives(t: TestContext, at: string, server: ScriptedServer, user: object): Promise<() => Promise<Exchange>> {
  const file = join(at, 'config');
  await writeFile(file, stringify(kubeconfig(server, user)));
  const client = createApiClient(loadCredentials({ kubeconfig: file }), { logger: pino({ level: 'silent' }) });
  t.after(() => client.close());
  return async () => {
    const answer = client.request({ method: 'GET', path: '/version' });
    const exchange = await server.next();
    exchange.answer(200, '{}');
    await answer;
    return exchange;
  };
}

test('a token', async (t) => {
  const server = await scriptedServer(t);
  const ask = await arrives(t, await folder(t), server, { token: 'letters' });
  assert.equal((await ask()).headers.authorization, 'Bearer letters');
});

test('a client certificate in files beside the kubeconfig, named relative to it, and renewed ones', async (t) => {
  const server = await scriptedServer(t);
  const at = await folder(t);
  const issue = async (commonName: string) => {
    const pair = await server.authority.issueClient({ commonName });
    await writeFile(join(at, 'client.crt'), pair.certificatePem);
    await writeFile(join(at, 'client.key'), pair.keyPem);
  };
  await issue('relay-1');
  const ask = await arrives(t, at, server, { 'client-certificate': 'client.crt', 'client-key': 'client.key' });
  const first = await ask();
  assert.equal(first.clientName, 'relay-1');
  assert.equal((await ask()).connection, first.connection);
  await issue('relay-2');
  const renewed = await ask();
  assert.equal(renewed.clientName, 'relay-2');
  assert.equal((await ask()).connection, renewed.connection);
  assert.equal(server.connections, 2);
});

test('a client certificate inside the kubeconfig', async (t) => {
  const server = await scriptedServer(t);
  const pair = await server.authority.issueClient({ commonName: 'relay' });
  const ask = await arrives(t, await folder(t), server, {
    'client-certificate-data': Buffer.from(pair.certificatePem).toString('base64'),
    'client-key-data': Buffer.from(pair.keyPem).toString('base64'),
  });
  assert.equal((await ask()).clientName, 'relay');
});

test('a token file is read again for each request', async (t) => {
  const server = await scriptedServer(t);
  const at = await folder(t);
  await writeFile(join(at, 'token'), 'first\n');
  const ask = await arrives(t, at, server, { tokenFile: 'token' });
  assert.equal((await ask()).headers.authorization, 'Bearer first');
  await writeFile(join(at, 'token'), 'second\n');
  assert.equal((await ask()).headers.authorization, 'Bearer second');
});

test('a credential plug-in', async (t) => {
  const server = await scriptedServer(t);
  const at = await folder(t);
  const plugin = join(at, 'plugin');
  await writeFile(plugin, `#!/bin/sh\necho '{"kind":"ExecCredential","status":{"token":"from '$1'"}}'\n`);
  await chmod(plugin, 0o755);
  const ask = await arrives(t, at, server, {
    exec: { apiVersion: 'client.authentication.k8s.io/v1', command: plugin, args: ['plug-in'] },
  });
  assert.equal((await ask()).headers.authorization, 'Bearer from plug-in');
});

test('a credential plug-in that fails is unauthorized, and says what the plug-in said', async (t) => {
  const server = await scriptedServer(t);
  const exec = {
    apiVersion: 'client.authentication.k8s.io/v1',
    command: '/bin/sh',
    args: ['-c', 'echo expired login >&2; exit 1'],
  };
  const file = join(await folder(t), 'config');
  await writeFile(file, stringify(kubeconfig(server, { exec })));
  const isRight = (error: unknown) =>
    error instanceof HawserError && error.code === 'unauthorized' && /expired login/.test(error.message);
  await assert.rejects(loadCredentials({ kubeconfig: file }).credentials(), isRight);
});

test('a password', async (t) => {
  const server = await scriptedServer(t);
  const ask = await arrives(t, await folder(t), server, { username: 'relay', password: 'pass' });
  assert.equal((await ask()).headers.authorization, `Basic ${Buffer.from('relay:pass').toString('base64')}`);
});

test('a kubeconfig that cannot be used is bad_config, and the message names the file and what is wrong', async (t) => {
  const server = await scriptedServer(t);
  const at = await folder(t);
  const good = kubeconfig(server, { token: 't' });
  const cases: [string, unknown, RegExp][] = [
    ['no YAML', 'a: [b', /no YAML/],
    ['no mapping', '- a', /no YAML mapping/],
    ['empty', '', /no YAML mapping/],
    ['no current-context', { ...good, 'current-context': undefined }, /current-context names no context/],
    ['another current-context', { ...good, 'current-context': 'there' }, /no context "there", which its current-context names/],
    ['no such cluster', { ...good, clusters: [] }, /no cluster "local"/],
    ['no such user', { ...good, users: [] }, /no user "relay"/],
    [
      'a cluster without server',
      { ...good, clusters: [{ name: 'local', cluster: {} }] },
      /names the server "", which is no https URL/,
    ],
    [
      'no https',
      { ...good, clusters: [{ name: 'local', cluster: { server: 'http://127.0.0.1:1' } }] },
      /"http:\/\/127.0.0.1:1".*no https/,
    ],
    [
      'a missing certificate',
      { ...good, users: [{ name: 'relay', user: { 'client-certificate': 'no.crt' } }] },
      /no.crt" cannot be read/,
    ],
    [
      'a missing token file',
      { ...good, users: [{ name: 'relay', user: { tokenFile: 'no-token' } }] },
      /no-token" cannot be read/,
    ],
  ];
  for (const [what, content, message] of cases) {
    const file = join(at, `${what.replaceAll(' ', '-')}.yaml`);
    await writeFile(file, typeof content === 'string' ? content : stringify(content));
    const isRight = (error: unknown) =>
      error instanceof HawserError && error.code === 'bad_config' && message.test(error.message) && error.message.includes(file);
    assert.throws(() => loadCredentials({ kubeconfig: file }), isRight, what);
  }
  const missing = join(at, 'missing');
  assert.throws(
    () => loadCredentials({ kubeconfig: missing }),
    (error) =>
      error instanceof HawserError &&
      error.code === 'bad_config' &&
      error.message.includes(missing) &&
      /ENOENT/.test(error.message),
  );
});

test('without a kubeconfig and outside of a cluster there is nothing to connect to', () => {
  assert.equal(process.env.KUBERNETES_SERVICE_HOST, undefined, 'this test runs outside of a cluster');
  assert.throws(
    () => loadCredentials({}),
    (error) => error instanceof HawserError && error.code === 'bad_config' && /KUBERNETES_SERVICE_HOST/.test(error.message),
  );
});

test('the namespace is the one of the context, and absent where none is named', async (t) => {
  const server = await scriptedServer(t);
  const file = join(await folder(t), 'config');
  const config = kubeconfig(server, {});
  await writeFile(file, stringify(config));
  assert.equal(loadCredentials({ kubeconfig: file }).namespace, undefined);
  const contexts = [{ name: 'here', context: { cluster: 'local', user: 'relay', namespace: 'relays' } }];
  await writeFile(file, stringify({ ...config, contexts }));
  assert.equal(loadCredentials({ kubeconfig: file }).namespace, 'relays');
});
