import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { JsonObject } from '@hawser/protocol';
import fc from 'fast-check';
import { judgeToken, type TokenUse } from './judge.ts';
import { ANNOTATIONS, newTokenSecret, readTokenSecret, type StoredToken, usedPatch } from './token-secret.ts';

const NOW = new Date('2026-11-26T12:00:00Z');
const KEY = `sha256:${'a'.repeat(64)}` as const;
const OTHER_KEY = `sha256:${'b'.repeat(64)}` as const;
const TOKEN = { id: 'abcdef', secret: '0123456789abcdef' };
const USE: TokenUse = { token: TOKEN, nodeName: 'truck-1', key: KEY, replace: false };

/** A Secret as the API server keeps it. */
function secret(data: Record<string, string> = {}, annotations: Record<string, string> = {}, rest: JsonObject = {}): JsonObject {
  const texts = {
    'token-id': TOKEN.id,
    'token-secret': TOKEN.secret,
    'usage-bootstrap-authentication': 'true',
    expiration: '2026-11-27T00:00:00Z',
    ...data,
  };
  return {
    metadata: { name: `bootstrap-token-${TOKEN.id}`, namespace: 'kube-system', resourceVersion: '7', annotations },
    type: 'bootstrap.kubernetes.io/token',
    data: inBase64(texts),
    ...rest,
  };
}

function inBase64(texts: Record<string, string>): JsonObject {
  return Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')]));
}

function read(object: JsonObject): StoredToken {
  const stored = readTokenSecret(object);
  assert.ok(stored !== undefined);
  return stored;
}

const judge = (object: JsonObject, use: Partial<TokenUse> = {}) => judgeToken(read(object), { ...USE, ...use }, NOW);
const reasonOf = (verdict: ReturnType<typeof judgeToken>) => (verdict.type === 'refused' ? verdict.reason : verdict.type);

test('an ordinary token that has not expired is good, as often as one likes', () => {
  assert.deepEqual(judge(secret()), { type: 'good', marks: false });
  assert.deepEqual(judge(secret({ expiration: '2026-11-26T13:00:01+01:00' })), { type: 'good', marks: false });
  const { data, ...rest } = secret();
  const withoutEnd = { ...rest, data: { ...(data as JsonObject), expiration: '' } };
  assert.deepEqual(judge(withoutEnd), { type: 'good', marks: false });
});

const bad: [string, JsonObject][] = [
  ['one that has just expired', secret({ expiration: '2026-11-26T12:00:00Z' })],
  ['one whose end cannot be read', secret({ expiration: 'tomorrow' })],
  ['one whose end is no real day', secret({ expiration: '2026-13-45T12:00:00Z' })],
  ['one that is not for authentication', secret({ 'usage-bootstrap-authentication': 'false' })],
  ['one whose usage is another word', secret({ 'usage-bootstrap-authentication': 'True' })],
  ['one for another number of uses', secret({}, { [ANNOTATIONS.uses]: '3' })],
  ['one whose use is not told whole', secret({}, { [ANNOTATIONS.uses]: '1', [ANNOTATIONS.usedBy]: KEY })],
  ['one whose user cannot be read', secret({}, { [ANNOTATIONS.uses]: '1', [ANNOTATIONS.usedBy]: 'somebody' })],
  [
    'one that is being deleted',
    secret(
      {},
      {},
      {
        metadata: {
          name: 'bootstrap-token-abcdef',
          resourceVersion: '7',
          deletionTimestamp: '2026-11-26T11:00:00Z',
          finalizers: ['x'],
        },
      },
    ),
  ],
];
for (const [what, object] of bad) {
  test(`${what} is good for nothing, and who presents it hears what is said of one that is not there`, () => {
    const [verdict, stranger] = [judge(object), judgeToken(undefined, USE, NOW)];
    assert.ok(verdict.type === 'refused' && stranger.type === 'refused');
    assert.deepEqual([verdict.reason, verdict.message], [stranger.reason, stranger.message]);
    assert.notEqual(verdict.detail, stranger.detail, 'our own log tells them apart');
    assert.equal(verdict.isWrongSecret, false);
  });
}

test('who has another secret hears the same whatever the token is, and it counts as wrong', () => {
  const wrong = { token: { id: TOKEN.id, secret: 'f'.repeat(16) } };
  const bound = secret({}, { [ANNOTATIONS.nodeName]: 'truck-9', [ANNOTATIONS.uses]: '1', [ANNOTATIONS.usedBy]: OTHER_KEY });
  const verdicts = [
    judge(secret(), wrong),
    judge(bound, wrong),
    judge(bad[0]?.[1] ?? {}, wrong),
    judgeToken(undefined, USE, NOW),
  ];
  for (const verdict of verdicts) {
    assert.ok(verdict.type === 'refused');
    const [first] = verdicts;
    assert.ok(first?.type === 'refused');
    assert.deepEqual([verdict.reason, verdict.message, verdict.isWrongSecret], ['badToken', first.message, true]);
  }
});

test('a Secret is no token under another name, of another type, or without id or secret', () => {
  assert.equal(readTokenSecret(secret({ 'token-id': 'zzzzzz' })), undefined);
  assert.equal(readTokenSecret(secret({ 'token-id': '' })), undefined);
  assert.equal(readTokenSecret(secret({ 'token-secret': '' })), undefined);
  assert.equal(readTokenSecret(secret({}, {}, { type: 'Opaque' })), undefined);
});

test('a token for one node is for no other', () => {
  const object = secret({}, { [ANNOTATIONS.nodeName]: 'truck-1' });
  assert.equal(reasonOf(judge(object)), 'good');
  assert.equal(reasonOf(judge(object, { nodeName: 'truck-2' })), 'otherNode');
});

test('a token for one device is marked once, serves the same key again, and no other', () => {
  const fresh = secret({}, { [ANNOTATIONS.uses]: '1' });
  assert.deepEqual(judge(fresh), { type: 'good', marks: true });
  const { metadata } = usedPatch(read(fresh), KEY, 'truck-1', NOW) as {
    metadata: { resourceVersion: string; annotations: JsonObject };
  };
  assert.equal(metadata.resourceVersion, '7');
  const used = secret({}, { [ANNOTATIONS.uses]: '1', ...(metadata.annotations as Record<string, string>) });
  assert.deepEqual(judge(used), { type: 'good', marks: false });
  assert.equal(reasonOf(judge(used, { key: OTHER_KEY })), 'tokenUsed');
  assert.equal(reasonOf(judge(used, { nodeName: 'truck-2' })), 'tokenUsed');
});

test('replacing needs a token that was made for it', () => {
  assert.equal(reasonOf(judge(secret(), { replace: true })), 'mayNotReplace');
  assert.equal(reasonOf(judge(secret({}, { [ANNOTATIONS.mayReplace]: 'yes' }), { replace: true })), 'mayNotReplace');
  const administrators = secret({}, { [ANNOTATIONS.mayReplace]: 'true' });
  assert.equal(reasonOf(judge(administrators, { replace: true })), 'good');
  assert.equal(reasonOf(judge(administrators)), 'good');
});

test('what is made for a new token is read as what was asked for', () => {
  const asked = fc.record({
    id: fc.stringMatching(/^[a-z0-9]{6}$/),
    secret: fc.stringMatching(/^[a-z0-9]{16}$/),
    description: fc.string({ maxLength: 40 }),
    expiration: fc.date({ min: NOW, max: new Date('2100-01-01'), noInvalidDate: true }),
    nodeName: fc.option(fc.constant('truck-1'), { nil: undefined }),
    isSingleUse: fc.boolean(),
    mayReplace: fc.boolean(),
  });
  fc.assert(
    fc.property(asked, (token) => {
      const { stringData, metadata, ...rest } = newTokenSecret(token) as {
        stringData: Record<string, string>;
        metadata: JsonObject;
      };
      const stored = read({ ...rest, metadata: { ...metadata, resourceVersion: '1' }, data: inBase64(stringData) });
      const { secretHash: _hash, resourceVersion: _version, usedBy, usedFor, unusable, ...read2 } = stored;
      const { secret: _secret, ...expected } = token;
      expected.expiration = new Date(Math.floor(expected.expiration.getTime() / 1000) * 1000);
      assert.deepEqual(read2, expected);
      assert.deepEqual([usedBy, usedFor, unusable], [undefined, undefined, undefined]);
    }),
  );
});

test('any object gives a token or none, and nothing is thrown', () => {
  fc.assert(
    fc.property(fc.object({ key: fc.constantFrom('metadata', 'data', 'type', 'name') }), (object) => {
      readTokenSecret(JSON.parse(JSON.stringify(object)));
    }),
  );
});

const RECORDING = new URL('../../../../../shared/recordings/07-enrolment-bootstrap-tokens.json', import.meta.url);

test('tokens of a real API server are judged as that server does', {
  skip: existsSync(RECORDING) ? false : 'no recordings',
}, () => {
  const { exchanges }: { exchanges: { request: { method: string }; response: { body: JsonObject } }[] } = JSON.parse(
    readFileSync(RECORDING, 'utf8'),
  );
  const stored = exchanges
    .filter(({ request, response }) => request.method === 'POST' && response.body.kind === 'Secret')
    .map(({ response }) => read(response.body));
  const at = new Date('2026-11-23T14:00:00Z');
  const reasons = stored.map((token) => {
    // The secrets in the recording are blanked; what is judged is the rest.
    const use = { ...USE, token: { id: token.id, secret: 'redacted-xxxxxxx' } };
    const verdict = judgeToken(token, use, at);
    return [token.id, verdict.type === 'refused' ? verdict.detail : verdict.type];
  });
  assert.deepEqual(reasons, [
    ['aaaaaa', 'good'],
    ['bbbbbb', 'it has expired'],
    ['cccccc', 'usage-bootstrap-authentication is not "true"'],
  ]);
});
