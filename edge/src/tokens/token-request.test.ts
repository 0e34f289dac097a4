import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { JsonObject, KubeObject } from '@hawser/protocol';
import { MemoryStorage } from '../../../test/apiserver/memory-storage.ts';
import { nodeIdentity } from '../api/device/identities.ts';
import type { SpecialRequest } from '../api/policy.ts';
import { ApiError } from '../api/status.ts';
import { KEY, podWithToken } from './testing.ts';
import { judgeTokenRequest, tokenRequestOf } from './token-request.ts';

function request(
  spec: JsonObject | undefined,
  of: { account?: string; namespace?: string; pods?: KubeObject[]; kind?: string } = {},
) {
  const storage = new MemoryStorage();
  for (const object of of.pods ?? [podWithToken('web', 'uid-web')]) {
    const { namespace = '', name = '' } = object.metadata;
    storage.commit({ type: 'create', key: { resource: 'pods', namespace, name }, object });
  }
  const { kind = 'TokenRequest', namespace = 'shop', account: name = 'clerk' } = of;
  const body: KubeObject = {
    apiVersion: 'authentication.k8s.io/v1',
    kind,
    metadata: {},
    ...(spec === undefined ? {} : { spec }),
  };
  const special: SpecialRequest = {
    ...{ identity: nodeIdentity('edge-1'), verb: 'create', group: '', resource: 'serviceaccounts', subresource: 'token' },
    ...{ namespace, name, body, query: new URLSearchParams(), storage, now: new Date(0) },
  };
  return special;
}

const BOUND = { kind: 'Pod', apiVersion: 'v1', name: 'web', uid: 'uid-web' };

function refusal(special: SpecialRequest): ApiError {
  try {
    judgeTokenRequest(special, 'edge-1');
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  return assert.fail('it was not refused');
}

describe('a request for a token', () => {
  it('of a pod of this node is taken', () => {
    assert.deepEqual(judgeTokenRequest(request({ expirationSeconds: 3607, boundObjectRef: BOUND }), 'edge-1'), KEY);
  });

  it('without a lifetime asks for an hour, and an empty audience is none', () => {
    const facts = judgeTokenRequest(request({ audiences: [''], boundObjectRef: BOUND }), 'edge-1');
    assert.deepEqual(facts, { ...KEY, expirationSeconds: 3600 });
  });

  it('for an audience of the pod is taken, also where it is named twice', () => {
    for (const audiences of [['vault'], ['vault', 'vault']]) {
      assert.deepEqual(judgeTokenRequest(request({ audiences, boundObjectRef: BOUND }), 'edge-1').audiences, ['vault']);
    }
  });

  it('for an audience that a driver of the pod may want is left to the cloud', () => {
    for (const source of [{ csi: { driver: 'd' } }, { persistentVolumeClaim: { claimName: 'c' } }, { ephemeral: {} }]) {
      const pods = [podWithToken('web', 'uid-web', { volumes: [{ name: 'v', ...source }] })];
      const facts = judgeTokenRequest(request({ audiences: ['driver'], boundObjectRef: BOUND }, { pods }), 'edge-1');
      assert.deepEqual(facts.audiences, ['driver']);
    }
  });

  it('of a pod that names no account is for the default one', () => {
    const pods = [podWithToken('web', 'uid-web', { serviceAccountName: '' })];
    const facts = judgeTokenRequest(request({ boundObjectRef: BOUND }, { pods, account: 'default' }), 'edge-1');
    assert.equal(facts.serviceAccount, 'default');
  });

  it('is asked of the cloud with nothing but what was judged', () => {
    const facts = judgeTokenRequest(request({ audiences: ['vault'], boundObjectRef: BOUND, other: 'thing' }), 'edge-1');
    assert.deepEqual(tokenRequestOf(facts), {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: ['vault'], expirationSeconds: 3600, boundObjectRef: BOUND },
    });
    assert.ok(!('audiences' in (tokenRequestOf(KEY).spec as JsonObject)), 'the API server has its own');
  });

  const refused: [string, number, RegExp, SpecialRequest][] = [
    ['bound to nothing', 403, /not bound to a pod$/, request({})],
    ['without a spec', 403, /not bound to a pod$/, request(undefined)],
    ['bound to a Secret', 403, /not bound to a pod$/, request({ boundObjectRef: { ...BOUND, kind: 'Secret' } })],
    ['without the uid', 403, /pod binding without a uid$/, request({ boundObjectRef: { ...BOUND, uid: '' } })],
    [
      'with another uid',
      403,
      /\(uid-2\) does not match the UID in record/,
      request({ boundObjectRef: { ...BOUND, uid: 'uid-2' } }),
    ],
    ['of a pod that is not there', 404, /^pod "none" not found$/, request({ boundObjectRef: { ...BOUND, name: 'none' } })],
    ['in another namespace', 404, /^pod "web" not found$/, request({ boundObjectRef: BOUND }, { namespace: 'other' })],
    [
      'of a pod of another node',
      403,
      /scheduled on a different node$/,
      request({ boundObjectRef: BOUND }, { pods: [podWithToken('web', 'uid-web', { nodeName: 'edge-2' })] }),
    ],
    [
      'of another account',
      400,
      /^cannot bind token for serviceaccount "boss" to pod/,
      request({ boundObjectRef: BOUND }, { account: 'boss' }),
    ],
    ['for two audiences', 403, /0 or 1 audiences$/, request({ audiences: ['vault', 'b'], boundObjectRef: BOUND })],
    [
      'for an audience of nobody',
      403,
      /audience "x" not found in pod spec volume$/,
      request({ audiences: ['x'], boundObjectRef: BOUND }),
    ],
    ['for an audience without end', 400, /at most 4096/, request({ audiences: ['x'.repeat(5_000)], boundObjectRef: BOUND })],
    ['that is another object', 400, /kind: must be/, request({ boundObjectRef: BOUND }, { kind: 'TokenReview' })],
    [
      'with a lifetime that is no number',
      400,
      /spec\.expirationSeconds: must be/,
      request({ expirationSeconds: 'long', boundObjectRef: BOUND }),
    ],
    [
      'with a lifetime of parts',
      400,
      /spec\.expirationSeconds: must be/,
      request({ expirationSeconds: 600.5, boundObjectRef: BOUND }),
    ],
    ['with audiences that are no list', 400, /spec\.audiences: must be/, request({ audiences: 'vault', boundObjectRef: BOUND })],
  ];
  for (const [what, code, message, special] of refused) {
    it(`${what} is refused with ${code}`, () => {
      const error = refusal(special);
      assert.equal(error.code, code);
      assert.match(error.message, message);
    });
  }
});

interface Exchange {
  readonly request: { readonly path: string; readonly body: { readonly spec: JsonObject } };
  readonly response: {
    readonly status: number;
    readonly body: { readonly message?: string; readonly details?: JsonObject; readonly reason?: string };
  };
}

const RECORDING = join(import.meta.dirname, '../../../../shared/recordings/06-node-token-requests.json');

it('the device refuses what NodeRestriction refuses, in the same words', {
  skip: existsSync(RECORDING) ? false : 'no recordings',
}, () => {
  const exchanges: Exchange[] = JSON.parse(readFileSync(RECORDING, 'utf8')).exchanges;
  const mine: KubeObject = {
    ...podWithToken('mine', '26f5db3b-e1a0-4071-8c4e-e39586f68335', { serviceAccountName: 'used-sa', volumes: [] }),
  };
  const pods = [{ ...mine, metadata: { ...mine.metadata, namespace: 'rec-node' } }];
  let compared = 0;
  for (const { request: asked, response } of exchanges) {
    const account = /serviceaccounts\/([^/]+)\/token$/.exec(asked.path)?.[1];
    const { audiences } = asked.body.spec;
    // The Node authorizer answers for accounts that no pod here has, and CSIDrivers are the cloud's to judge.
    const isTheClouds = account !== 'used-sa' || audiences !== undefined;
    if (account === undefined || isTheClouds) continue;
    const special = request(asked.body.spec, { namespace: 'rec-node', account, pods });
    compared += 1;
    if (response.status === 201) {
      assert.equal(judgeTokenRequest(special, 'edge-1').podName, 'mine');
      continue;
    }
    const { code, reason, message, details } = refusal(special);
    assert.deepEqual(
      [code, reason, message, details],
      [response.status, response.body.reason, response.body.message, response.body.details],
    );
  }
  assert.equal(compared, 5);
});
