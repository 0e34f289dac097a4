import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { keyHash } from '@hawser/protocol';
import { makeAuthority } from '../enroll/authority/certificates.ts';
import { publishedConfigMap } from '../enroll/authority/published.ts';
import { judgeToken } from '../enroll/tokens/judge.ts';
import { readTokenSecret, type StoredToken } from '../enroll/tokens/token-secret.ts';
import { saidBy, startCluster } from './testing/cluster.ts';

const RELAYS = ['wss://relay.example:8443', 'wss://[2001:db8::1]:8443'];
const HOUR_MS = 3_600_000;

/** A cluster whose relays are away: what they have published is there. */
async function cluster(t: TestContext) {
  const { kube, admin, reader } = await startCluster(t);
  const { certificate } = await makeAuthority(new Date());
  return {
    reader,
    kube,
    caHash: keyHash(certificate.publicKey),
    publish(relays: readonly string[] = RELAYS) {
      const object = JSON.parse(publishedConfigMap({ certificates: [certificate], relays }));
      return kube.create({ ...object, metadata: { ...object.metadata, namespace: 'hawser-system' } });
    },
    async stored(id: string): Promise<StoredToken | undefined> {
      const secret = await kube.get('secrets', 'kube-system', `bootstrap-token-${id}`);
      return secret === undefined ? undefined : readTokenSecret(JSON.parse(JSON.stringify(secret)));
    },
    token: (args: string[], kubeconfig = admin) => saidBy(['token', ...args], kubeconfig),
  };
}

test('a token is made, and the whole line for the device is printed', async (t) => {
  const { token, publish, stored, caHash } = await cluster(t);
  await publish();
  const { code, out } = await token(['create']);
  assert.equal(code, 0);
  const [, id, secret] =
    /^hawser-agent join wss:\/\/relay\.example:8443 'wss:\/\/\[2001:db8::1\]:8443' --token (\w{6})\.(\w{16}) --ca-hash /.exec(
      out,
    ) ?? [];
  assert.ok(id !== undefined && secret !== undefined, out);
  assert.ok(out.endsWith(`--ca-hash ${caHash}\n`), out);
  const made = await stored(id);
  assert.ok(made !== undefined);
  const use = { token: { id, secret }, nodeName: 'truck-1', key: caHash, replace: false };
  const now = new Date();
  assert.deepEqual(judgeToken(made, use, now), { type: 'good', marks: false });
  assert.equal(judgeToken(made, use, new Date(now.getTime() + 23 * HOUR_MS)).type, 'good');
  assert.equal(judgeToken(made, use, new Date(now.getTime() + 24 * HOUR_MS)).type, 'refused');
});

test('a token is bound to a name and a use, may replace where that is asked for, and is told in JSON', async (t) => {
  const { token, publish, stored, caHash } = await cluster(t);
  await publish();
  const flags = ['--node-name', 'truck-17', '--single-use', '--may-replace', '--ttl', '2h', '--description', 'new board'];
  const { code, out } = await token(['create', ...flags, '--relay', 'wss://other.example', '-o', 'json']);
  assert.equal(code, 0);
  const { id, token: text, join, expires, ...rest } = JSON.parse(out);
  assert.deepEqual(rest, {
    description: 'new board',
    nodeName: 'truck-17',
    singleUse: true,
    mayReplace: true,
    relays: ['wss://other.example'],
    caHash,
  });
  assert.equal(join, `hawser-agent join wss://other.example --token ${text} --ca-hash ${caHash} --node-name truck-17 --replace`);
  const made = await stored(id);
  assert.deepEqual(
    [made?.nodeName, made?.isSingleUse, made?.mayReplace, made?.description],
    ['truck-17', true, true, 'new board'],
  );
  const left = new Date(expires).getTime() - Date.now();
  assert.ok(left > 1.9 * HOUR_MS && left <= 2 * HOUR_MS, expires);
});

test('tokens are listed with what they are for, never with their secrets, and deleted by their id', async (t) => {
  const { token, publish, kube, stored } = await cluster(t);
  await publish();
  assert.match((await token(['list'])).out, /there are no tokens/);
  const made = JSON.parse((await token(['create', '--single-use', '-o', 'json'])).out);
  const old = { apiVersion: 'v1', kind: 'Secret', type: 'bootstrap.kubernetes.io/token' };
  const data = {
    'token-id': 'zzzzzz',
    'token-secret': 'yyyyyyyyyyyyyyyy',
    'usage-bootstrap-authentication': 'true',
    expiration: '2020-01-01T00:00:00Z',
    description: 'red \u001b[31m',
  };
  await kube.create({ ...old, metadata: { name: 'bootstrap-token-zzzzzz', namespace: 'kube-system' }, stringData: data });
  await kube.create({ ...old, metadata: { name: 'another', namespace: 'kube-system' }, type: 'Opaque', stringData: data });
  const { out } = await token(['list']);
  const [secret] = made.token.split('.').slice(1);
  assert.match(out, new RegExp(`^${made.id} +good +\\S+Z +any name +one +no`, 'm'));
  assert.match(out, /^zzzzzz +ended +2020-01-01T00:00:00.000Z +any name +any +no +red {2}\[31m$/m);
  assert.equal(out.split('\n').length, 4);
  const { out: json } = await token(['list', '-o', 'json']);
  assert.deepEqual(
    JSON.parse(json)
      .map((one: { id: string; state: string }) => [one.id, one.state])
      .toSorted(),
    [
      [made.id, 'good'],
      ['zzzzzz', 'ended'],
    ].toSorted(),
  );
  assert.doesNotMatch(out + json, new RegExp(`${secret}|yyyyyyyyyyyyyyyy`));
  assert.match((await token(['delete', made.id])).out, /: deleted/);
  assert.match((await token(['delete', made.id])).out, /there was no such token/);
  assert.equal(await stored(made.id), undefined);
});

test('what is missing is told, before a token is made: no ConfigMap, no addresses in it, no right', async (t) => {
  const { token, publish, kube, reader } = await cluster(t);
  const none = await token(['create']);
  assert.equal(none.code, 1);
  assert.match(none.error, /there is no ConfigMap hawser-system\/hawser-ca: it is written when a relay starts/);
  await publish([]);
  const nowhere = await token(['create']);
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.error, /names no relays: start the relays with the setting enroll\.relays, or name one with --relay/);
  const refused = await token(['create', '--relay', 'wss://relay.example'], reader);
  assert.equal(refused.code, 1);
  assert.match(refused.error, /the token was not created: .*forbidden/);
  assert.match((await token(['list'], reader)).error, /the tokens were not listed: .*forbidden/);
  assert.match((await token(['delete', 'abcdef'], reader)).error, /the token abcdef was not deleted: .*forbidden/);
  assert.deepEqual(await kube.list('secrets', 'kube-system'), []);
});

test('flags that are wrong end with 2, and a token that was typed in place of its id is not repeated', async (t) => {
  const { token, publish } = await cluster(t);
  await publish();
  for (const [flags, said] of [
    [['create', '--node-name', '../x'], /--node-name/],
    [['create', '--ttl', 'soon'], /--ttl/],
    [['create', '--ttl', '0s'], /--ttl/],
    [['create', '--ttl', '367d'], /--ttl/],
    [['create', '--relay', 'https://relay.example'], /--relay/],
    [['create', '-o', 'yaml'], /output/],
    [['delete', 'abcdef.0123456789abcdef'], /six of the characters/],
  ] as const) {
    const { code, error, out } = await token([...flags]);
    assert.equal(code, 2, flags.join(' '));
    assert.match(error, said);
    assert.doesNotMatch(error + out, /0123456789abcdef/);
  }
});
