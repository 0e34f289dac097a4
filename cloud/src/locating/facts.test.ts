import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import { EDGE_LABEL, nodeFacts, podFacts } from './facts.ts';
import { MAX_REFERENCES } from './references.ts';

test('of a pod its node is kept, and the ConfigMaps and Secrets that it needs', () => {
  const spec = {
    nodeName: 'edge-1',
    serviceAccountName: 'runner',
    volumes: [{ configMap: { name: 'a' } }, { secret: { secretName: 'b' } }, { persistentVolumeClaim: { claimName: 'c' } }],
  };
  const facts = podFacts(JSON.stringify({ metadata: { name: 'cart', namespace: 'shop' }, spec }));
  assert.deepEqual(facts, { node: 'edge-1', needs: ['configmaps/shop/a', 'secrets/shop/b'], truncated: false });
});

test('a pod that is not scheduled has no node', () => {
  assert.equal(podFacts('{"metadata":{"namespace":"shop"},"spec":{"nodeName":""}}').node, undefined);
});

test('a pod that names more than is located says so', () => {
  const imagePullSecrets = Array.from({ length: MAX_REFERENCES }, (_, n) => ({ name: `s${n}` }));
  assert.equal(podFacts(JSON.stringify({ metadata: { namespace: 'shop' }, spec: { imagePullSecrets } })).truncated, true);
});

test('the edge label counts with any value, and only on the Node itself', () => {
  const labelled = (labels: unknown) => nodeFacts(JSON.stringify({ metadata: { labels } })).labelled;
  assert.equal(labelled({ [EDGE_LABEL]: '' }), true);
  assert.equal(labelled({ [EDGE_LABEL]: 'false' }), true);
  assert.equal(labelled({ [EDGE_LABEL]: null }), false);
  assert.equal(labelled({ 'node-role.kubernetes.io/worker': '' }), false);
  assert.equal(labelled(undefined), false);
});

for (const text of ['', 'c2VjcmV0', '["c2VjcmV0"]', 'null', '7', '{"data":"c2VjcmV0"']) {
  test(`text that is no object is an error whose message quotes none of it: ${JSON.stringify(text)}`, () => {
    for (const read of [podFacts, nodeFacts]) {
      assert.throws(
        () => read(text),
        (error) => error instanceof HawserError && error.code === 'malformed_object' && !error.message.includes('c2VjcmV0'),
      );
    }
  });
}
