import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type CloudObject, endedWrites, fold, type OpenWrite } from './row.ts';

function cloud(uid: string, resourceVersion: string, fields: Partial<CloudObject> = {}): CloudObject {
  const body = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', uid }, status: { from: 'cloud' } });
  return { version: { uid, resourceVersion, hash: 'h' }, body, refused: undefined, ...fields };
}

let number = 0;

function write(verb: OpenWrite['verb'], uid: string, answered?: string, fields: Partial<OpenWrite> = {}): OpenWrite {
  const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', uid } };
  const body = { create: object, patch: { status: { from: uid } }, mark: {}, delete: {} }[verb];
  return {
    number: ++number,
    class: 'entry',
    verb,
    subresource: '',
    uid,
    body: JSON.stringify(body),
    time: '',
    answer: answered === undefined ? { state: 'waiting' } : { state: 'applied', resourceVersion: answered || undefined },
    ...fields,
  };
}

const uidServed = (object: ReturnType<typeof fold>) => object && Object(object.metadata).uid;
const statusServed = (object: ReturnType<typeof fold>) => object && Object(object.status).from;

describe('what is served', () => {
  it('is the cloud’s object when nothing is open', () => {
    assert.equal(statusServed(fold(cloud('a', '1'), [])), 'cloud');
    assert.equal(fold(undefined, []), undefined);
  });

  it('is the cloud’s object under a name that was also made here', () => {
    assert.equal(uidServed(fold(cloud('a', '1'), [write('create', 'p')])), 'a');
    assert.equal(uidServed(fold(undefined, [write('create', 'p')])), 'p');
  });

  it('has only the patches that were made to the same object', () => {
    assert.equal(statusServed(fold(cloud('a', '1'), [write('patch', 'a')])), 'a');
    assert.equal(statusServed(fold(cloud('b', '1'), [write('patch', 'a')])), 'cloud');
    assert.equal(fold(undefined, [write('patch', 'a')]), undefined);
  });

  it('is a successor after the delete of the cloud’s object', () => {
    const writes = [write('delete', 'a'), write('create', 'p'), write('patch', 'p')];
    assert.equal(statusServed(fold(cloud('a', '1'), writes)), 'p');
    assert.equal(fold(cloud('a', '1'), writes.slice(0, 1)), undefined);
    assert.equal(uidServed(fold(cloud('b', '1'), writes.slice(0, 1))), 'b');
  });

  it('leaves out a patch that does not fit', () => {
    const patch = write('patch', 'a', undefined, { body: '{"status":{"conditions":[{"noType":1}]}}' });
    assert.equal(statusServed(fold(cloud('a', '1'), [patch])), 'cloud');
  });
});

describe('an open write', () => {
  const ended = (state: CloudObject | undefined, ...writes: OpenWrite[]) => {
    const numbers = endedWrites({ cloud: state, writes });
    return writes.map((each) => numbers.includes(each.number));
  };

  it('ends when the cloud’s object is at or past the version that its answer named', () => {
    assert.deepEqual(ended(cloud('a', '99'), write('patch', 'a', '100')), [false]);
    assert.deepEqual(ended(cloud('a', '100'), write('patch', 'a', '100')), [true]);
    assert.deepEqual(ended(cloud('a', '101'), write('patch', 'a', '100')), [true]);
  });

  it('does not end without an answer, nor by a version that was refused', () => {
    assert.deepEqual(ended(cloud('a', '101'), write('patch', 'a')), [false]);
    assert.deepEqual(ended(undefined, write('patch', 'a')), [false]);
    assert.deepEqual(ended(cloud('a', '101', { refused: 'x' }), write('patch', 'a', '100')), [false]);
  });

  it('ends when its object is gone', () => {
    assert.deepEqual(ended(undefined, write('patch', 'a', '100')), [true]);
    assert.deepEqual(ended(cloud('b', '1'), write('patch', 'a', '100')), [true]);
    assert.deepEqual(ended(undefined, write('delete', 'a', '')), [true]);
  });

  it('that removed the object lasts until the cloud has deleted it', () => {
    assert.deepEqual(ended(cloud('a', '999'), write('delete', 'a', '')), [false]);
  });

  it('of an object that was made here waits for the object', () => {
    assert.deepEqual(ended(undefined, write('create', 'u', '5'), write('patch', 'u', '6')), [false, false]);
    assert.deepEqual(ended(cloud('u', '5'), write('create', 'u', '5'), write('patch', 'u', '6')), [true, false]);
    assert.deepEqual(ended(undefined, write('create', 'u', '5'), write('delete', 'u', '')), [true, true]);
    assert.deepEqual(ended(undefined, write('create', 'u', '5'), write('delete', 'u')), [false, false]);
  });

  it('of a successor waits behind the predecessor’s tombstone', () => {
    const writes = [write('delete', 'a', ''), write('create', 'u', '20'), write('patch', 'u', '21')];
    assert.deepEqual(ended(cloud('a', '10'), ...writes), [false, false, false]);
    assert.deepEqual(ended(undefined, ...writes), [true, false, false]);
    assert.deepEqual(ended(cloud('u', '21'), ...writes), [true, true, true]);
  });
});
