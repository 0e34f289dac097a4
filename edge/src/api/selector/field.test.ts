import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ApiResource, type KubeObject, resourceById } from '@hawser/protocol';
import fc from 'fast-check';
import { ApiError } from '../status.ts';
import { matchesFields, parseFieldSelector, requiredValue } from './field.ts';

function resource(id: string): ApiResource {
  const found = resourceById(id);
  assert.ok(found);
  return found;
}
const PODS = resource('pods');

const pod: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-0', namespace: 'ns' },
  spec: { nodeName: 'edge-1', restartPolicy: 'Always' },
  status: { podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] },
};

const matches = (selector: string, object = pod, of = PODS) => matchesFields(parseFieldSelector(selector, of), object);

describe('a field selector', () => {
  it('compares fields that the kind has', () => {
    assert.ok(matches('spec.nodeName=edge-1'));
    assert.ok(matches('spec.nodeName==edge-1,metadata.name=web-0'));
    assert.ok(!matches('spec.nodeName!=edge-1'));
    assert.ok(matches('status.podIPs=10.0.0.1\\,fd00::1'));
  });

  it('takes an absent field for empty and an absent flag for false', () => {
    assert.ok(matches('status.phase='));
    assert.ok(matches('spec.hostNetwork=false'));
    assert.ok(matches('spec.unschedulable=false', { ...pod, spec: {} }, resource('nodes')));
  });

  it('selects everything when empty, also as ==', () => {
    assert.deepEqual(parseFieldSelector('', PODS), []);
    assert.deepEqual(parseFieldSelector('==', PODS), []);
  });

  it('sees events under both their forms', () => {
    const event: KubeObject = { ...pod, kind: 'Event', involvedObject: { name: 'web-0' }, source: { component: 'kubelet' } };
    assert.ok(matches('involvedObject.name=web-0,source=kubelet', event, resource('events')));
    assert.ok(matches('regarding.name=web-0,reportingController=kubelet', event, resource('events.k8s.io/events')));
  });

  it('tells which value it demands', () => {
    assert.equal(requiredValue(parseFieldSelector('spec.nodeName=edge-1', PODS), 'spec.nodeName'), 'edge-1');
    assert.equal(requiredValue(parseFieldSelector('spec.nodeName!=edge-1', PODS), 'spec.nodeName'), undefined);
  });

  it('is refused in the words of the API server', () => {
    assert.throws(() => matches('spec.foo=bar'), { code: 400, message: 'field label not supported: spec.foo' });
    assert.throws(() => matches('data.n=1', pod, resource('configmaps')), {
      code: 400,
      message: '"data.n" is not a known field selector: only "metadata.name", "metadata.namespace"',
    });
    assert.throws(() => matches('constructor=1'), { code: 400 });
    assert.throws(() => matches('spec.nodeName'), { code: 400 });
    assert.throws(() => matches('metadata.name=a=b'), { code: 400 });
  });

  it('is never refused in another way, whatever it is', () => {
    const piece = fc.constantFrom('metadata.name', 'spec.nodeName', '=', '==', '!=', ',', '\\', 'a', ' ', '\n', '');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        try {
          matches(pieces.join(''));
        } catch (error) {
          assert.ok(error instanceof ApiError && error.code === 400, String(error));
        }
      }),
    );
  });
});
