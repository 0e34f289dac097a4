import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createPodTokens, type Identity, readKeySet } from '@hawser/edge';
import { isJsonObject, type JsonValue, type KubeObject } from '@hawser/protocol';
import fc from 'fast-check';
import { attempt, type Opened, type Target, type Verdict } from '../engine/target.ts';
import { mutateJson } from '../mutate/json.ts';
import { MB, MS } from './limits.ts';

/** ServiceAccount tokens that are shown to a device, which knows one cluster's key and holds one pod; and the key sets that it is told. */

const ISSUER = 'https://kubernetes.default.svc.cluster.local';
const ACCOUNT = 'system:serviceaccount:shop:clerk';
const KID = 'cluster';
/** Stands in the corpus for a signature by the cluster's key over what is before it: what could be signed is looked at to its end. */
const SIGNATURE = '@SIGNATURE@';
const NODE = 'edge-1';

const HELD: readonly KubeObject[] = [
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop', uid: 'uid-web' },
    spec: { nodeName: NODE, serviceAccountName: 'clerk' },
  },
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'clerk', namespace: 'shop', uid: 'uid-clerk' } },
];

/** 16 KB of token, parsed twice. */
const bounds = { ms: MS, bytes: 16 * MB, inputBytes: 32 * 1024 };

export const podTokens: Target = {
  name: 'pod-tokens',
  what: 'ServiceAccount tokens in compact form, as a device is shown them',
  corpus: ['pod-tokens'],
  bounds,
  mutators: [],
  open: () => openDevice((text, device) => device.check(device.signed(text))),
};

export const podClaims: Target = {
  name: 'pod-claims',
  what: "header and claims of ServiceAccount tokens that the cluster's key has signed",
  corpus: ['pod-claims'],
  bounds,
  mutators: [mutateJson],
  open: () =>
    openDevice((text, device) => {
      const parts = parsed(text);
      if (!isJsonObject(parts)) return 'refused';
      const [header, claims] = [part(parts.header ?? null), part(parts.claims ?? null)];
      return header === undefined || claims === undefined
        ? 'refused'
        : device.check(device.signed(`${header}.${claims}.${SIGNATURE}`));
    }),
};

export const keySets: Target = {
  name: 'key-sets',
  what: "JWK Sets of a cluster's keys, as a relay tells them to a device",
  corpus: ['key-sets'],
  // A key set of 64 KB; each key that is made of one is some KB of OpenSSL's.
  bounds: { ms: 2 * MS, bytes: 32 * MB, inputBytes: 64 * 1024 },
  mutators: [mutateJson],
  shape: fc
    .array(
      fc.record(
        {
          kty: fc.constantFrom('EC', 'RSA', 'oct', 'OKP', '__proto__'),
          kid: fc.oneof(fc.constantFrom('a', 'b', '__proto__'), fc.string()),
          crv: fc.constantFrom('P-256', 'P-384', 'P-521', 'secp256k1', 'toString'),
          alg: fc.constantFrom('ES256', 'RS256', 'none', 'HS256'),
          use: fc.constantFrom('sig', 'enc'),
          n: fc.base64String(),
          e: fc.constantFrom('AQAB', '', 'AA'),
          x: fc.base64String(),
          y: fc.anything(),
        },
        { requiredKeys: [] },
      ),
      { maxLength: 40 },
    )
    .map((keys) => Buffer.from(JSON.stringify({ keys }))),
  open: () => ({
    run: (input) =>
      attempt(() => {
        for (const [kid, { key }] of readKeySet(Buffer.from(input).toString('utf8'))) {
          if (key.type !== 'public') throw new Error(`${kid} is no public key`);
        }
      }),
  }),
};

interface Device {
  /** With the cluster's signature in the place for it. */
  signed(text: string): string;
  check(token: string): Verdict;
}

function openDevice(run: (text: string, device: Device) => Verdict): Opened {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keySet = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: KID, alg: 'ES256', use: 'sig' }] });
  const cluster = { issuer: ISSUER, audiences: [ISSUER], keySet };
  const current = { cluster, set: readKeySet(keySet) };
  const check = createPodTokens({
    nodeName: NODE,
    storage: {
      get: ({ resource, namespace, name }) =>
        HELD.find(
          ({ kind, metadata }) =>
            `${kind.toLowerCase()}s` === resource && metadata.namespace === namespace && metadata.name === name,
        ),
    },
    keys: () => current,
    linkedForMs: () => Number.POSITIVE_INFINITY,
    now: () => new Date('2026-06-01T00:00:00Z'),
  });
  const device: Device = {
    signed(text) {
      const at = text.lastIndexOf(`.${SIGNATURE}`);
      return at < 0 ? text : `${text.slice(0, at)}.${signatureOf(text.slice(0, at), privateKey)}`;
    },
    check(token) {
      const verdict = check(token, undefined);
      if (verdict.type !== 'valid') return 'refused';
      requireOwn(verdict.identity, token, privateKey);
      return 'taken';
    },
  };
  return { run: (input) => run(Buffer.from(input).toString('utf8'), device) };
}

/** Whoever is let in is the one pod that is here, by a token that the cluster's key has signed. */
function requireOwn({ name, extra }: Identity, token: string, key: KeyObject): void {
  const [header = '', claims = ''] = token.split('.');
  const { alg, kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { alg: unknown; kid: unknown };
  const isOwn = name === ACCOUNT && extra?.['authentication.kubernetes.io/pod-uid']?.[0] === 'uid-web';
  if (!isOwn || alg !== 'ES256' || kid !== KID) {
    throw new Error(`let in as ${name} by ${createHash('sha256').update(`${header}.${claims}`).digest('hex')} ${key.type}`);
  }
}

function signatureOf(text: string, key: KeyObject): string {
  return sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
}

/** Undefined for what nests so deeply that no text can be made of it: what is looked at is the device's work, not this. */
function part(value: JsonValue): string | undefined {
  try {
    return Buffer.from(JSON.stringify(value)).toString('base64url');
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function parsed(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
