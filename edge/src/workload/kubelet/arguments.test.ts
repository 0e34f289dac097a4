import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkArguments, environmentFile, kubeletArguments, requirePlainPath, unitLines } from './arguments.ts';
import { kubeletPaths } from './paths.ts';

const paths = kubeletPaths('/var/lib/hawser');

test('the kubelet gets its files, the name of the node and the flags of the operator', () => {
  assert.deepEqual(kubeletArguments(paths, 'truck-1', ['--v=2']), [
    '--config=/var/lib/hawser/kubelet/config.yaml',
    '--kubeconfig=/var/lib/hawser/kubelet/kubeconfig',
    '--hostname-override=truck-1',
    '--v=2',
  ]);
});

test('flags that set nothing of ours are taken', () => {
  const flags = [
    '--v=2',
    '-v=2',
    '--node-ip=10.0.0.7',
    '--node-labels=a.b/c=d,e=f',
    '--root-dir=/data/kubelet',
    '--eviction-hard=memory.available<5%',
  ];
  assert.deepEqual(checkArguments(flags), flags);
});

test('those that would undo what the agent sets are refused, however they are written', () => {
  const refused = [
    '--config=/x',
    '--kubeconfig=/x',
    '--hostname_override=y',
    '--config-dir=/etc/kubelet.d',
    '--bootstrap-kubeconfig=/x',
    '--anonymous-auth',
    '--authorization_mode=AlwaysAllow',
    '--address=0.0.0.0',
    '--read-only-port=10255',
    '--tls-cert-file=/x',
    '--register-node=false',
    '--runonce',
  ];
  assert.throws(
    () => checkArguments(refused),
    (error: Error) => {
      assert.deepEqual(
        error.message.split('\n').map((line) => /^kubelet\.args: "(.+?)": cannot be given: ./.exec(line)?.[1]),
        refused,
      );
      return true;
    },
  );
});

test('what is no flag, has its value apart, or would be taken apart by systemd is refused', () => {
  for (const wrong of ['', 'v', '--', '-', '10', '--a=b c', '--a="b"', "--a='b'", '--a=$HOME', '--a=\\x', '--a=b\n']) {
    assert.throws(() => checkArguments([wrong]), { code: 'bad_config', message: /^kubelet\.args: / }, JSON.stringify(wrong));
  }
  assert.throws(() => requirePlainPath('/var/lib/my hawser'), { code: 'bad_config', message: /^dataDir: / });
});

test('a unit of systemd takes the flags from a file', () => {
  assert.equal(
    environmentFile(['--a=1', '--b=2']),
    '# Made by hawser-agent; changes are lost.\nHAWSER_KUBELET_ARGS="--a=1 --b=2"\n',
  );
  assert.deepEqual(unitLines(paths, '/usr/bin/kubelet'), [
    'EnvironmentFile=/var/lib/hawser/kubelet/kubelet.env',
    'ExecStart=/usr/bin/kubelet $HAWSER_KUBELET_ARGS',
  ]);
});
