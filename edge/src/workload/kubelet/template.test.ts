import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { kubeletHost } from './host.ts';
import { kubeletPaths } from './paths.ts';
import { kubeletConfiguration } from './template.ts';

const page = readFileSync(join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'kubelet.md'), 'utf8');
const resolvConf = '/run/systemd/resolve/resolv.conf';

test('docs/kubelet.md shows the configuration as it is', () => {
  const [, shown = ''] = /```yaml\n(# config\.yaml of a device .*?)```/s.exec(page) ?? [];
  assert.deepEqual(parse(shown), kubeletConfiguration(kubeletPaths('/var/lib/hawser'), { cgroupDriver: 'systemd', resolvConf }));
});

test('cgroups are made by systemd where it runs, and name servers are those that pods reach', () => {
  assert.deepEqual(
    kubeletHost(() => true),
    { cgroupDriver: 'systemd', resolvConf },
  );
  const bare = kubeletHost(() => false);
  assert.deepEqual(bare, { cgroupDriver: 'cgroupfs', resolvConf: undefined });
  assert.equal('resolvConf' in kubeletConfiguration(kubeletPaths('/d'), bare), false);
});
