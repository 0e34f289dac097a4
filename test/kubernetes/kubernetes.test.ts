import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RELAY_USER } from '../apiserver/relay-identity.ts';
import { deniedByAudit, listsByAudit } from './audit.ts';
import { clusterKind } from './which.ts';

const USER = { username: RELAY_USER };
const SECRETS = { resource: 'secrets', namespace: 'a', apiVersion: 'v1' };

describe('the rights that the relay lacked, by the audit log', () => {
  it('are those that it asked for itself and was refused, each once', () => {
    const leases = { resource: 'leases', apiGroup: 'coordination.k8s.io', apiVersion: 'v1' };
    const log = [
      { verb: 'list', requestURI: '/x', user: USER, objectRef: SECRETS, responseStatus: { code: 403 } },
      { verb: 'list', requestURI: '/x', user: USER, objectRef: SECRETS, responseStatus: { code: 403 } },
      { verb: 'create', requestURI: '/x', user: USER, objectRef: leases, responseStatus: { code: 403 } },
      { verb: 'patch', requestURI: '/x', user: USER, objectRef: { ...SECRETS, subresource: 's' }, responseStatus: { code: 403 } },
      { verb: 'get', requestURI: '/openapi/v2', user: USER, responseStatus: { code: 403 } },
    ];
    assert.deepEqual(deniedByAudit(lines(log)), [
      'create coordination.k8s.io/leases',
      'get /openapi/v2',
      'list secrets',
      'patch secrets/s',
    ]);
  });

  it('are not what was refused once and given another time', () => {
    const get = { verb: 'get', requestURI: '/x', user: USER, objectRef: { resource: 'namespaces' } };
    const log = [200, 403, 200].map((code) => ({ ...get, responseStatus: { code } }));
    assert.deepEqual(deniedByAudit(lines(log)), []);
    assert.deepEqual(deniedByAudit(lines(log.slice(1, 2))), ['get namespaces']);
  });

  it('are not what was allowed, what a node was refused, and what others were refused', () => {
    const asNode = { username: 'system:node:edge-1' };
    const log = [
      { verb: 'list', requestURI: '/x', user: USER, objectRef: SECRETS, responseStatus: { code: 200 } },
      { verb: 'get', requestURI: '/x', user: USER, impersonatedUser: asNode, objectRef: SECRETS, responseStatus: { code: 403 } },
      { verb: 'get', requestURI: '/x', user: asNode, objectRef: SECRETS, responseStatus: { code: 403 } },
      { verb: 'watch', requestURI: '/x', user: USER, objectRef: SECRETS },
    ];
    assert.deepEqual(deniedByAudit(lines(log)), []);
  });
});

describe("the relay's lists, by the audit log", () => {
  it('are counted by resource, without watches, others and half a line', () => {
    const list = { verb: 'list', requestURI: '/x', user: USER, objectRef: SECRETS, responseStatus: { code: 200 } };
    const log = [
      list,
      { ...list, verb: 'watch' },
      { ...list, user: { username: 'other' } },
      { ...list, impersonatedUser: { username: 'system:node:edge-1' } },
      { ...list, objectRef: { resource: 'pods' } },
      list,
    ];
    assert.equal(listsByAudit(`${lines(log)}{"verb":"li`, 'secrets'), 2);
  });
});

describe('the cluster of the end-to-end tests', () => {
  it('is the embedded API server unless the variable says real', () => {
    assert.equal(clusterKind({}), 'embedded');
    assert.equal(clusterKind({ HAWSER_TEST_CLUSTER: '' }), 'embedded');
    assert.equal(clusterKind({ HAWSER_TEST_CLUSTER: 'real' }), 'real');
    assert.throws(() => clusterKind({ HAWSER_TEST_CLUSTER: 'yes' }), /embedded or real, not yes/);
  });
});

function lines(events: readonly object[]): string {
  return `${events.map((event) => JSON.stringify(event)).join('\n')}\n`;
}
