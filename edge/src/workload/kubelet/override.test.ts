import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseOverride, withOverride } from './override.ts';
import { kubeletPaths } from './paths.ts';
import { type Fields, kubeletConfiguration } from './template.ts';

const template = kubeletConfiguration(kubeletPaths('/var/lib/hawser'), { cgroupDriver: 'systemd', resolvConf: undefined });
const over = (text: string) => withOverride(template, parseOverride(text, 'k.yaml'), 'k.yaml');

test('fields of the operator take the place of ours, and others are added', () => {
  const merged = over('maxPods: 30\nport: 10251\nclusterDNS: [10.43.0.10]\n');
  assert.deepEqual([merged.maxPods, merged.port, merged.clusterDNS], [30, 10251, ['10.43.0.10']]);
  assert.equal(merged.staticPodPath, '/var/lib/hawser/kubelet/manifests');
});

test('sections are merged, lists are not, and null takes a field away', () => {
  const base: Fields = { evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '10%' }, list: [1, 2], gone: 1 };
  const merged = withOverride(base, parseOverride('evictionHard: {nodefs.available: 5%}\nlist: [3]\ngone: null\n', 'k'), 'k');
  assert.deepEqual(merged, { evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '5%' }, list: [3] });
  assert.equal('nodeStatusReportFrequency' in over('nodeStatusReportFrequency:\n'), false);
});

test('what decides who comes to the kubelet, and by what it speaks to the agent, is refused, each with its reason', () => {
  const text = [
    'apiVersion: kubelet.config.k8s.io/v1',
    'kind: Kubelet',
    'address: 0.0.0.0',
    'readOnlyPort: 10255',
    'authentication: {anonymous: {enabled: true}}',
    'authorization: {mode: AlwaysAllow}',
    'tlsCertFile: /x',
    'tlsPrivateKeyFile: null',
    'rotateCertificates: true',
    'serverTLSBootstrap: true',
    'registerNode: false',
    'runOnce: true',
    'maxPods: 3',
  ];
  const message = messageOf(() => over(text.join('\n')));
  const named = message.split('\n').map((line) => /^kubelet\.config: k\.yaml: (\w+) cannot be set: ./.exec(line)?.[1]);
  assert.deepEqual(
    named,
    text.slice(0, -1).map((line) => line.split(':')[0]),
  );
});

test('the same as ours may stand in the operator’s file', () => {
  const text = 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\naddress: 127.0.0.1\nregisterNode: true\n';
  assert.deepEqual(over(text), template);
  assert.deepEqual(over(''), template);
});

test('what is no mapping, no YAML or has aliases is refused with the file’s name', () => {
  for (const text of ['- maxPods: 1', '7', 'a: [', 'a: &x 1\nb: *x', 'a: 1\na: 2']) {
    assert.match(
      messageOf(() => over(text)),
      /^kubelet\.config: k\.yaml/,
      text,
    );
  }
});

test('a merge never throws, keeps what it is not told about, and changes no prototype', () => {
  const json = fc.object({ maxDepth: 3 });
  fc.assert(
    fc.property(json, json, (base, given) => {
      const refused = ['apiVersion', 'kind', 'address'];
      fc.pre(refused.every((name) => !(name in given)));
      const merged = withOverride(base, given, 'k');
      for (const name of Object.keys(base)) if (!Object.hasOwn(given, name)) assert.deepEqual(merged[name], base[name]);
      assert.equal(Object.getPrototypeOf(merged), Object.prototype);
    }),
  );
});

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof Error) return error.message;
  }
  return assert.fail('it was taken');
}
