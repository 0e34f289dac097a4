import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeSession } from '../../admin/index.ts';
import type { DeviceReport } from '../../enroll/index.ts';
import type { NodeLease } from '../../replicas/index.ts';
import { type Findings, isWanted, rowsOf, sorted } from './rows.ts';

const T1 = '2030-01-01T00:00:00.000Z';
const T2 = '2030-01-02T00:00:00.000Z';

const session = (node: string, since = T2, lagMs = 0): NodeSession => ({
  node,
  state: 'inSync',
  detail: '',
  since,
  lagMs,
  sentBytes: 10,
  receivedBytes: 5,
  agentVersion: '0.1.0',
});
const lease = (node: string, linkState: NodeLease['linkState'], holder = 'a'): NodeLease => ({
  ...{ type: 'node', name: `node-${node}`, uid: 'u', resourceVersion: '1', node, holder, epoch: 1, linkState },
  ...{ sessionId: 's', previousSessionId: '', storeId: '', agentVersion: '0.1.0', linkStateSince: T1, acquireTime: T1 },
});
const device = (node: string | null, state: DeviceReport['state'] = 'enrolled'): DeviceReport => ({
  ...{ node, record: `device-${node}`, state, key: null, nextKey: null, enrolledAt: T1, issuedAt: T1, validTo: T2 },
  ...{ revokedAt: state === 'revoked' ? T2 : null, revokedReason: state === 'revoked' ? 'stolen' : null, problem: null },
});
const states = (findings: Partial<Findings>) =>
  rowsOf({ answered: [], silent: () => false, leases: [], devices: [], ...findings }).map(({ node, state, replica }) => [
    node,
    state,
    replica,
  ]);

test('a node is what its session says, and without one what its Lease and its record say', () => {
  const found = states({
    answered: [{ replica: 'a', sessions: [session('n1')] }],
    silent: (replica) => replica === 'b',
    leases: [lease('n1', 'up'), lease('n2', 'down'), lease('n3', 'unknown'), lease('n4', 'up', 'b'), lease('n5', 'up', 'a')],
    devices: [device('n1'), device('n6'), device('n7', 'revoked'), device(null, 'unreadable')],
  });
  assert.deepEqual(found, [
    ['n1', 'inSync', 'a'],
    ['n2', 'down', 'a'],
    ['n3', 'lost', 'a'],
    ['n4', 'unknown', 'b'],
    ['n5', 'down', 'a'],
    ['n6', 'never', null],
    ['n7', 'revoked', null],
  ]);
});

test('a revoked device stays revoked whatever its Lease says, and a live session wins over everything', () => {
  assert.deepEqual(states({ leases: [lease('n', 'down')], devices: [device('n', 'revoked')] }), [['n', 'revoked', 'a']]);
  const live = [{ replica: 'b', sessions: [session('n')] }];
  assert.deepEqual(states({ answered: live, devices: [device('n', 'revoked')] }), [['n', 'inSync', 'b']]);
});

test('of two replicas that have a node while it moves the newer session is told, in either order', () => {
  const old = { replica: 'a', sessions: [session('n', T1)] };
  const young = { replica: 'b', sessions: [session('n', T2)] };
  for (const answered of [
    [old, young],
    [young, old],
  ]) {
    assert.deepEqual(states({ answered }), [['n', 'inSync', 'b']]);
  }
});

test('rows are sorted by what is asked for, equal ones by name, and chosen by name and state', () => {
  const rows = rowsOf({
    answered: [{ replica: 'a', sessions: [session('x', T1, 5), session('y', T2, 9)] }],
    silent: () => false,
    leases: [lease('z', 'down')],
    devices: [],
  });
  const names = (by: Parameters<typeof sorted>[1]) => sorted(rows, by).map(({ node }) => node);
  assert.deepEqual(names('name'), ['x', 'y', 'z']);
  assert.deepEqual(names('lag'), ['y', 'x', 'z']);
  assert.deepEqual(names('since'), ['y', 'x', 'z']);
  assert.deepEqual(names('state'), ['z', 'x', 'y']);
  assert.deepEqual(
    rows.filter((row) => isWanted(row, [], ['down'])).map(({ node }) => node),
    ['z'],
  );
  assert.deepEqual(
    rows.filter((row) => isWanted(row, ['x', 'z'], ['inSync'])).map(({ node }) => node),
    ['x'],
  );
});
