import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuseContainers } from './containers.ts';

const of = (resource: string, subresource: string) =>
  refuseContainers({ group: '', version: 'v1', resource, subresource, namespace: 'default', name: 'web', fieldSelector: '' });

test('logs, exec, attach and port-forward are refused with what does it on the device', () => {
  for (const [subresource, command] of [
    ['log', 'crictl logs'],
    ['exec', 'crictl exec'],
    ['attach', 'crictl attach'],
    ['portforward', 'crictl port-forward'],
  ] as const) {
    const decision = of('pods', subresource);
    assert.ok(decision?.allowed === false && decision.reason.includes(command), subresource);
  }
});

test('everything else of a pod, and of others, is for other rules', () => {
  assert.equal(of('pods', ''), undefined);
  assert.equal(of('pods', 'status'), undefined);
  assert.equal(of('services', 'proxy'), undefined);
});
