import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALL_RESOURCES } from './discovery.ts';
import { createOpenApi } from './openapi.ts';

test('the index leads to a document for each group version that is served', () => {
  const openApi = createOpenApi(ALL_RESOURCES, 'v1.36.2');
  const { paths } = openApi.index() as { paths: Record<string, { serverRelativeURL: string }> };
  assert.ok(paths['api/v1'] && paths['apis/apps/v1']);
  for (const { serverRelativeURL } of Object.values(paths)) {
    assert.ok(openApi.documents.has(serverRelativeURL.replace(/\?hash=.*/, '')), serverRelativeURL);
  }
});

test('the index has the groups of what is answered and not stored', () => {
  const review = {
    group: 'authorization.k8s.io',
    version: 'v1',
    resource: 'selfsubjectaccessreviews',
    kind: 'SelfSubjectAccessReview',
  };
  const openApi = createOpenApi([], 'v1.36.2', [{ ...review, namespaced: false, verbs: ['create'] }]);
  const { paths } = openApi.index() as { paths: Record<string, object> };
  assert.ok(paths['apis/authorization.k8s.io/v1']);
  const document = openApi.documents.get('/openapi/v3/apis/authorization.k8s.io/v1') as { paths: object };
  assert.ok('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews' in document.paths);
});

test('a client finds that writes of a kind take fieldValidation', () => {
  const document = createOpenApi(ALL_RESOURCES, 'v1.36.2').documents.get('/openapi/v3/api/v1') as {
    paths: Record<string, Record<string, { 'x-kubernetes-group-version-kind': object; parameters?: { name: string }[] }>>;
  };
  const patch = document.paths['/api/v1/namespaces/{namespace}/configmaps/{name}']?.patch;
  assert.deepEqual(patch?.['x-kubernetes-group-version-kind'], { group: '', version: 'v1', kind: 'ConfigMap' });
  assert.ok(patch?.parameters?.some(({ name }) => name === 'fieldValidation'));
});

test('a patch is described of what takes none too: else kubectl says that it has no schema, and not what the server says', () => {
  const [configMaps] = ALL_RESOURCES.filter(({ resource }) => resource.id === 'configmaps');
  assert.ok(configMaps);
  const document = createOpenApi([{ ...configMaps, verbs: ['get', 'list', 'watch'] }], 'v1.36.2').documents.get(
    '/openapi/v3/api/v1',
  ) as { paths: Record<string, object> };
  const item = document.paths['/api/v1/namespaces/{namespace}/configmaps/{name}'];
  assert.deepEqual(Object.keys(item ?? {}).toSorted(), ['get', 'patch']);
});
