import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { keyHash } from '@hawser/protocol';
import { pino } from 'pino';
import { type EmbeddedApiServer, startEmbeddedApiServer } from '../../../../test/apiserver/server.ts';
import { createApiClient } from '../../apiserver/index.ts';
import { until } from '../../apiserver/testing/until.ts';
import { systemClock } from '../../clock.ts';
import { authorityData } from './authority.ts';
import { makeAuthority } from './certificates.ts';
import { createPublication } from './publication.ts';
import { readPublished } from './published.ts';
import { authoritySecret, authorityUpdate, readAuthoritySecret } from './secret.ts';
import { createSecretAuthority, type SecretAuthority } from './secret-authority.ts';
import { namesOf, rotate } from './testing.ts';

const SECRET = '/api/v1/namespaces/hawser-system/secrets/hawser-ca';
const CONFIG_MAP = '/api/v1/namespaces/hawser-system/configmaps/hawser-ca';

async function cluster(t: TestContext) {
  const api = await startEmbeddedApiServer({
    tokens: [{ token: 'reader', user: 'reader', groups: ['system:authenticated'] }],
    bindings: [{ subject: { user: 'reader' }, rules: [{ verbs: ['list', 'watch'], apiGroups: [''], resources: ['secrets'] }] }],
  });
  t.after(() => api.close());
  const client = clientOf(t, api, api.adminToken);
  let logs = '';
  const write = (line: string) => {
    logs += line;
  };
  return {
    api,
    client,
    logs: () => logs,
    replica(token = api.adminToken): SecretAuthority {
      const authority = createSecretAuthority({
        client: clientOf(t, api, token),
        namespace: 'hawser-system',
        identity: { check: async () => undefined, doubt: () => undefined },
        clock: systemClock,
        random: () => 0.1,
        logger: pino({ level: 'trace' }, { write }),
      });
      t.after(() => authority.stop());
      return authority;
    },
    read: async () => (await client.request({ method: 'GET', path: SECRET })).text,
    async write(text: string) {
      const { status, text: answer } = await client.request({ method: 'PUT', path: SECRET, body: text });
      assert.equal(status, 200, answer);
    },
  };
}

function clientOf(t: TestContext, api: EmbeddedApiServer, token: string) {
  const credentials = async () => ({
    ca: api.caPem,
    cert: undefined,
    key: undefined,
    servername: undefined,
    rejectUnauthorized: true,
    auth: undefined,
    headers: { authorization: `Bearer ${token}` },
    proxyAgent: undefined,
  });
  const client = createApiClient({ server: api.url, credentials }, { logger: pino({ level: 'silent' }) });
  t.after(() => client.close());
  return client;
}

const current = (authority: SecretAuthority) => authority.current()?.certificate.subject;
const known = (authority: SecretAuthority) =>
  until(
    'the authority',
    () => authority.current() !== undefined,
    () => `${authority.waitingFor()}`,
  );

test('replicas that start at once on an empty cluster agree on one authority, which the Secret holds', async (t) => {
  const { replica, read } = await cluster(t);
  const replicas = [replica(), replica(), replica()];
  assert.match(replicas[0]?.waitingFor() ?? '', /^the authority, Secret hawser-system\/hawser-ca/);
  for (const one of replicas) one.start();
  for (const one of replicas) await known(one);
  const { authority } = readAuthoritySecret(await read());
  assert.deepEqual(new Set(replicas.map(current)), new Set([authority.certificate.subject]));
  assert.equal(replicas[0]?.waitingFor(), undefined);
});

test('a rotation and its end are followed by all, and each is told once', async (t) => {
  const { replica, read, write } = await cluster(t);
  const replicas = [replica(), replica()];
  for (const one of replicas) one.start();
  for (const one of replicas) await known(one);
  const told = replicas.map((one) => {
    const heard: (string | undefined)[] = [];
    one.onChange(() => heard.push(current(one)));
    return heard;
  });
  const text = await read();
  const next = await rotate(readAuthoritySecret(text).authority, new Date());
  await write(authorityUpdate(text, next));
  const names = [next.certificate, ...next.older].map(({ subject }) => subject);
  for (const one of replicas) {
    await until('the rotation', () => current(one) === next.certificate.subject);
    assert.deepEqual(namesOf(one.current()?.trusted ?? []), names);
  }
  assert.deepEqual(told, [[names[0]], [names[0]]]);
});

test('a Secret that is deleted comes back with the same authority', async (t) => {
  const { client, replica, read } = await cluster(t);
  const one = replica();
  one.start();
  await known(one);
  const before = readAuthoritySecret(await read());
  await client.request({ method: 'DELETE', path: SECRET });
  let back = '';
  while (!back.includes('"data"')) back = await read();
  const after = readAuthoritySecret(back);
  assert.notEqual(after.uid, before.uid);
  assert.deepEqual(authorityData(after.authority), authorityData(before.authority));
});

test('a Secret that holds no authority leaves the one before in use, and is named where there was none', async (t) => {
  const { client, replica, read, write, logs } = await cluster(t);
  const good = await makeAuthority(new Date());
  const broken = { ...JSON.parse(authoritySecret(good)), data: { 'ca.crt': 'junk' } };
  const path = SECRET.replace('/hawser-ca', '');
  assert.equal((await client.request({ method: 'POST', path, body: JSON.stringify(broken) })).status, 201);
  const one = replica();
  one.start();
  await until(
    'the problem',
    () => one.waitingFor()?.includes('ca.crt: must hold one certificate') === true,
    () => `${one.waitingFor()}`,
  );
  assert.equal(one.current(), undefined);
  await write(authorityUpdate(await read(), good));
  await known(one);
  const { data } = broken;
  await write(JSON.stringify({ ...JSON.parse(await read()), data }));
  await until('the complaint', () => /"isInUse":true.*the Secret holds no authority/.test(logs()));
  assert.equal(current(one), good.certificate.subject);
  await write(authorityUpdate(await read(), await rotate(good, new Date())));
  await until('the next', () => one.current()?.trusted.length === 2);
});

test('a replica that may not make the Secret says so, and takes what another one makes', async (t) => {
  const { replica } = await cluster(t);
  const reader = replica('reader');
  reader.start();
  await until(
    'the refusal',
    () => reader.waitingFor()?.includes('forbidden') === true,
    () => `${reader.waitingFor()}`,
  );
  const other = replica();
  other.start();
  await known(reader);
  assert.equal(current(reader), current(other));
});

test('the private key stands in no line of the log', async (t) => {
  const { replica, read, logs } = await cluster(t);
  const one = replica();
  one.start();
  await known(one);
  const data = authorityData(readAuthoritySecret(await read()).authority);
  const key = data['ca.key'] ?? '';
  assert.match(logs(), /authority known/);
  for (const secret of [key.slice(60, 90), Buffer.from(key).toString('base64').slice(60, 100)]) {
    assert.equal(logs().includes(secret), false);
  }
});

test('an authority in place of a lost one is told as such: devices know only the one that was published', async (t) => {
  const { client, replica, read, logs } = await cluster(t);
  const publish = (source: SecretAuthority) => {
    const publication = createPublication({
      ...{ client, source, namespace: 'hawser-system', relays: [], clock: systemClock, random: () => 0.1 },
      logger: pino({ level: 'trace' }, { write: (line: string) => void written.push(line) }),
    });
    t.after(() => publication.stop());
    publication.start();
    source.start();
    return publication;
  };
  const written: string[] = [];
  const isWritten = (times: number) =>
    until('the ConfigMap', () => written.filter((line) => line.includes('written')).length >= times);
  const first = replica();
  const publication = publish(first);
  await isWritten(1);
  assert.doesNotMatch(written.join(''), /"level":50/);
  const lost = readAuthoritySecret(await read()).authority.certificate;
  await publication.stop();
  await first.stop();
  await client.request({ method: 'DELETE', path: SECRET });
  publish(replica());
  await isWritten(2);
  const told = written.find((line) => line.includes('"level":50'));
  assert.match(String(told), /put back/, logs());
  assert.deepEqual(JSON.parse(String(told)).hashes, [keyHash(lost.publicKey)]);
});

test('the ConfigMap says what is trusted and where the relays are, after each change', async (t) => {
  const { client, replica, read, write } = await cluster(t);
  const one = replica();
  const publication = createPublication({
    client,
    namespace: 'hawser-system',
    source: one,
    relays: ['wss://relay.example:8443'],
    clock: systemClock,
    random: () => 0.1,
    logger: pino({ level: 'silent' }),
  });
  t.after(() => publication.stop());
  publication.start();
  one.start();
  const published = async (count: number) => {
    for (;;) {
      const { status, text } = await client.request({ method: 'GET', path: CONFIG_MAP });
      if (status === 200 && readPublished(text).certificates.length === count) return readPublished(text);
    }
  };
  const before = await published(1);
  assert.deepEqual(before.relays, ['wss://relay.example:8443']);
  const text = await read();
  const next = await rotate(readAuthoritySecret(text).authority, new Date());
  await write(authorityUpdate(text, next));
  const after = await published(2);
  assert.deepEqual(namesOf(after.certificates), [next.certificate.subject, before.certificates[0]?.subject]);
});
