import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ObjectKey, objectKey, type Report } from '@hawser/protocol';
import { type EventScope, refuseEvent } from './event-scope.ts';

const OWNERS = new Map<ObjectKey, readonly string[]>([
  [objectKey('pods', 'default', 'mine'), ['a']],
  [objectKey('pods', 'default', 'theirs'), ['b']],
  [objectKey('pods', 'default', 'b'), ['a']],
  [objectKey('nodes', '', 'a'), ['a']],
  [objectKey('nodes', '', 'b'), ['b']],
  [objectKey('nodes', '', 'c'), ['c']],
]);
const scope: EventScope = { neededBy: (key) => OWNERS.get(key) ?? [], uidOf: (key) => `uid of ${key}` };

function event(name: string, about: object, fields: Partial<Report> = {}): Report {
  return {
    number: 1,
    resource: 'events',
    namespace: 'default',
    name,
    uid: undefined,
    subresource: '',
    operation: { type: 'create', body: JSON.stringify({ involvedObject: about }) },
    ...fields,
  };
}

const pod = (name: string, uid?: string) => ({ kind: 'Pod', namespace: 'default', name, ...(uid === undefined ? {} : { uid }) });
const count = { type: 'patch', patchType: 'strategic', body: '{"count":2}' } as const;
const messageOf = (report: Report) => refuseEvent(scope, 'a', report)?.message;

test('Events about its own Node and pods, and about what the relay does not know, are written', () => {
  for (const one of [
    event('mine.1', pod('mine')),
    event('a.1', { kind: 'Node', name: 'a' }),
    event('unknown.1', pod('unknown')),
    event('disk.1', { kind: 'PersistentVolumeClaim', namespace: 'default', name: 'theirs' }),
    event('mine.1', {}, { operation: count }),
  ]) {
    assert.equal(refuseEvent(scope, 'a', one), undefined, JSON.stringify(one));
  }
});

test('an Event about the pod or Node of another device is refused, whatever it is called', () => {
  assert.match(messageOf(event('x.1', pod('theirs'))) ?? '', /pod default\/theirs, which is bound to another node/);
  assert.match(messageOf(event('x.1', pod('theirs', 'uid of pods/default/theirs'))) ?? '', /bound to another/);
  assert.match(messageOf(event('x.1', { kind: 'Node', name: 'b' })) ?? '', /Events about node b/);
  const regarding = { operation: { type: 'create', body: JSON.stringify({ regarding: pod('theirs') }) } } as const;
  assert.match(messageOf(event('x.1', {}, { resource: 'events.k8s.io/events', ...regarding })) ?? '', /bound to another/);
});

test('the Event of another device is not counted up or written over, whatever the body says', () => {
  assert.match(messageOf(event('theirs.17', {}, { operation: count })) ?? '', /bound to another/);
  assert.match(messageOf(event('theirs.17', pod('mine'))) ?? '', /bound to another/);
  assert.match(messageOf(event('c.17', {}, { operation: count })) ?? '', /node c/);
});

test('a pod that is called as another device is has its Events, and an earlier pod of a name too', () => {
  assert.equal(messageOf(event('b.1', pod('b'))), undefined);
  assert.equal(messageOf(event('b.1', pod('b'), { operation: count })), undefined);
  assert.equal(messageOf(event('x.1', pod('theirs', 'an older uid'))), undefined);
});

test('what is no Event, and names that are none, are looked at elsewhere', () => {
  assert.equal(messageOf(event('theirs', pod('theirs'), { resource: 'pods' })), undefined);
  for (const name of ['', '.', '..', 'theirs/../x']) messageOf(event(name, pod(name), { namespace: name }));
  messageOf(event('x.1', { kind: 'Pod', namespace: 'a/b', name: 'c d' }));
  messageOf(event('x.1', {}, { operation: { type: 'create', body: '[]' } }));
});
