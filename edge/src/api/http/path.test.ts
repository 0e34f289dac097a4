import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ApiError } from '../status.ts';
import { attributesOfRequest, parsePath } from './path.ts';

const resourceOf = (path: string) => parsePath(path).resource;

describe('a path', () => {
  it('names a resource in a namespace, an object, a subresource', () => {
    const base = { group: '', version: 'v1', resource: 'pods', watchPrefix: false, rest: [] };
    assert.deepEqual(resourceOf('/api/v1/pods'), { ...base, namespace: '', name: '', subresource: '' });
    assert.deepEqual(resourceOf('/api/v1/namespaces/ns/pods/'), { ...base, namespace: 'ns', name: '', subresource: '' });
    assert.deepEqual(resourceOf('/api/v1/namespaces/ns/pods/p/status'), {
      ...base,
      namespace: 'ns',
      name: 'p',
      subresource: 'status',
    });
    assert.deepEqual(resourceOf('/api/v1/namespaces//pods'), { ...base, namespace: '', name: '', subresource: '' });
    assert.deepEqual(resourceOf('/api/v1/watch/pods'), { ...base, namespace: '', name: '', subresource: '', watchPrefix: true });
  });

  it('takes a namespace for a resource of its own', () => {
    const found = resourceOf('/api/v1/namespaces/ns/finalize');
    assert.deepEqual([found?.resource, found?.name, found?.subresource, found?.namespace], ['namespaces', 'ns', 'finalize', '']);
    assert.equal(resourceOf('/api/v1/namespaces/ns')?.name, 'ns');
  });

  it('reads a group', () => {
    const found = resourceOf('/apis/apps/v1/namespaces/ns/deployments/d');
    assert.deepEqual([found?.group, found?.version, found?.resource, found?.name], ['apps', 'v1', 'deployments', 'd']);
  });

  it('is no resource when it ends before one', () => {
    for (const path of ['/', '/api', '/api/v1', '/apis/apps/v1', '/healthz', '/version'])
      assert.equal(resourceOf(path), undefined);
  });

  it('separates at an encoded slash too', () => {
    assert.deepEqual(resourceOf('/api/v1/namespaces/ns/pods/a%2Fb')?.subresource, 'b');
  });

  it('is refused when it is no percent-encoding', () => {
    assert.throws(() => parsePath('/api/v1/%zz'), ApiError);
  });

  it('is authorized by verb, with the name that a field selector demands', () => {
    const attributes = (method: string, url: string) => {
      const [path = '', query = ''] = url.split('?', 2);
      const { verb, resource } = attributesOfRequest(method, parsePath(path), new URLSearchParams(query));
      return [verb, resource?.name];
    };
    assert.deepEqual(attributes('GET', '/api/v1/pods'), ['list', '']);
    assert.deepEqual(attributes('GET', '/api/v1/pods?watch'), ['watch', '']);
    assert.deepEqual(attributes('GET', '/api/v1/pods?watch=false'), ['list', '']);
    assert.deepEqual(attributes('GET', '/api/v1/nodes/n?watch=1'), ['get', 'n']);
    assert.deepEqual(attributes('GET', '/api/v1/nodes?fieldSelector=metadata.name%3Dn'), ['list', 'n']);
    assert.deepEqual(attributes('DELETE', '/api/v1/pods'), ['deletecollection', '']);
    assert.deepEqual(attributes('PATCH', '/api/v1/nodes/n/status'), ['patch', 'n']);
    assert.deepEqual(attributes('GET', '/healthz'), ['get', undefined]);
  });

  it('is never refused in another way, whatever it is', () => {
    const piece = fc.oneof(
      fc.constantFrom('api', 'apis', 'v1', 'watch', 'namespaces', '..', '%2e', '%', ''),
      fc.string({ maxLength: 4 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        try {
          parsePath(`/${pieces.join('/')}`);
        } catch (error) {
          assert.ok(error instanceof ApiError && error.code === 400, String(error));
        }
      }),
    );
  });
});
