import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writesIn } from './api-writes.ts';

test('only writes of the relay count; those as the node are reports, and Leases stand apart', () => {
  const counts = [
    { by: 'relay', as: '', method: 'GET', resource: 'pods', count: 100 },
    { by: 'admin', as: '', method: 'PATCH', resource: 'configmaps', count: 200 },
    { by: 'relay', as: '', method: 'PATCH', resource: 'nodes', count: 1 },
    { by: 'relay', as: '', method: 'PUT', resource: 'leases', count: 6 },
    { by: 'relay', as: 'system:node:edge-1', method: 'PUT', resource: 'leases', count: 4 },
    { by: 'relay', as: 'system:node:edge-1', method: 'PATCH', resource: 'pods/status', count: 20 },
  ];
  assert.deepEqual(writesIn(counts), { own: 1, leases: 10, reports: 20 });
});
