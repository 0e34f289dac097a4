import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCommand } from './start-command.ts';

const BOOTED = '/run/systemd/system';
const having =
  (...paths: string[]) =>
  (path: string) =>
    paths.includes(path);

test('where systemd runs and has the unit it starts the agent, also when its own files are named', () => {
  for (const folder of ['/lib/systemd/system', '/etc/systemd/system', '/usr/lib/systemd/system']) {
    const exists = having(BOOTED, `${folder}/hawser-agent.service`);
    assert.equal(startCommand({}, exists), 'systemctl start hawser-agent');
    assert.equal(startCommand({ config: '/etc/hawser/agent.yaml' }, exists), 'systemctl start hawser-agent');
  }
});

test('another folder, other settings, no unit and a machine that systemd does not run: the command itself', () => {
  const unit = '/lib/systemd/system/hawser-agent.service';
  assert.equal(startCommand({ dataDir: '/data' }, having(BOOTED, unit)), 'hawser-agent run --data-dir /data');
  assert.equal(startCommand({ config: 'agent.yaml' }, having(BOOTED, unit)), 'hawser-agent run --config agent.yaml');
  assert.equal(startCommand({}, having(BOOTED)), 'hawser-agent run');
  assert.equal(
    startCommand({ config: '/etc/hawser/agent.yaml' }, having(unit)),
    'hawser-agent run --config /etc/hawser/agent.yaml',
  );
});
