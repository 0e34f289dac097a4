import assert from 'node:assert/strict';
import { test } from 'node:test';
import { API_RESOURCES, QUERY_TABLE, queryRule } from '@hawser/protocol';
import { DEVICE_RESOURCES, DEVICE_SURFACE, isVolatile } from './surface.ts';

const known = new Map(API_RESOURCES.map((resource) => [resource.id, resource]));

test('what a device serves are resources and subresources of the resource table', () => {
  assert.equal(DEVICE_RESOURCES.length, DEVICE_SURFACE.size);
  for (const { resource } of DEVICE_RESOURCES) {
    const subresources = known.get(resource.id)?.subresources ?? assert.fail(resource.id);
    for (const subresource of resource.subresources)
      assert.ok(subresources.includes(subresource), `${resource.id}/${subresource}`);
  }
});

test('what a device does not hold and cannot say to be absent may be asked for', () => {
  for (const { id, miss } of DEVICE_SURFACE.values()) {
    if (miss !== 'absent') assert.ok(queryRule('get', id), id);
  }
});

test('what only the cloud answers is what may be submitted over the link', () => {
  const here = [...DEVICE_SURFACE.values()].flatMap(({ id, writes }) =>
    Object.entries(writes).flatMap(([subresource, verbs]) =>
      Object.entries(verbs).flatMap(([verb, { by }]) => (by === 'cloud' ? [`${verb} ${id}/${subresource}`] : [])),
    ),
  );
  const submits = QUERY_TABLE.flatMap(({ type, resource, subresource }) =>
    type === 'submit' ? [`create ${resource}/${subresource}`] : [],
  );
  assert.deepEqual(here.sort(), submits.sort());
});

test('a write that is kept in memory is one of a resource that is kept nowhere else', () => {
  for (const { id, writes } of DEVICE_SURFACE.values()) {
    const answerers = Object.values(writes).flatMap((verbs) => Object.values(verbs).map(({ by }) => by));
    assert.equal(answerers.includes('memory'), isVolatile(id) && !answerers.includes('cloud'), id);
    assert.ok(!(isVolatile(id) && answerers.includes('here')), id);
  }
});
