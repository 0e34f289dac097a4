import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fleetFor, nodeReady } from '../e2e/harness.ts';
import { type DebianRoot, openDebianRoot, withoutDebianRoot } from '../support/debian-root.ts';
import { startProcess } from '../support/processes.ts';
import { withoutTool } from '../support/tools.ts';
import { until } from '../support/until.ts';
import { debFor, folderFor, VERSION } from './deb.ts';
import { CONFIG, does, simulatePods, tokenLine } from './root.ts';

const skip = withoutDebianRoot() || withoutTool('debootstrap');
const NEXT = `${VERSION}+next`;

/** The package, and one of a higher version whose configuration is another. */
async function packages(t: TestContext): Promise<string> {
  const folder = folderFor(t);
  const deb = await debFor(folder, 'x64');
  const raw = join(folder, 'raw');
  execFileSync('dpkg-deb', ['--raw-extract', deb, raw]);
  const change = (path: string, edit: (text: string) => string) =>
    writeFileSync(join(raw, path), edit(readFileSync(join(raw, path), 'utf8')));
  change('DEBIAN/control', (text) => text.replace(/^Version: .*$/m, `Version: ${NEXT}`));
  change('etc/hawser/agent.yaml', (text) => `${text}# A line more.\n`);
  change('DEBIAN/md5sums', (text) => text.replace(/^\w+ {2}etc\/.*\n/m, ''));
  cpSync(deb, join(folder, 'now.deb'));
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zgzip', '-z1', '--build', raw, join(folder, 'next.deb')]);
  return folder;
}

/** Its pid in there, or nothing. */
const agentIn = (root: DebianRoot) =>
  does(
    root,
    'sh',
    '-c',
    'for p in /proc/[0-9]*; do case "$(readlink $p/exe)" in /usr/bin/hawser-agent*) basename $p;; esac; done',
  ).trim();

/** The shell's own kill: the program is in none of the packages that are there. */
const signal = (root: DebianRoot, name: string, pid: string) => does(root, 'sh', '-c', `kill ${name} ${pid}`);

const namesIn = (root: DebianRoot) =>
  does(root, 'find', '/', '-xdev', '-not', '-path', '/var/log/*', '-not', '-path', '/var/cache/*/man*').split('\n').sort();

test('without systemd: installed, joined, started by hand, upgraded with its configuration kept, removed with its data kept, purged clean', {
  timeout: 900_000,
  skip,
}, async (t) => {
  const folder = await packages(t);
  const root = await openDebianRoot({ mnt: folder });
  t.after(() => root.close());
  does(root, 'dpkg', '--purge', '--force-depends', 'systemd');
  const before = namesIn(root);

  assert.match(does(root, 'dpkg', '--install', '/mnt/now.deb'), /has not joined yet/);
  const modes = does(root, 'stat', '-c', '%A %U:%G %n', '/etc/hawser', CONFIG, '/var/lib/hawser', '/usr/bin/hawser-agent');
  assert.deepEqual(modes.trim().split('\n'), [
    'drwxr-xr-x root:root /etc/hawser',
    `-rw-r----- root:hawser ${CONFIG}`,
    'drwx------ hawser:hawser /var/lib/hawser',
    '-rwxr-xr-x root:root /usr/bin/hawser-agent',
  ]);
  assert.match(does(root, 'getent', 'passwd', 'hawser'), /:\/var\/lib\/hawser:\/usr\/sbin\/nologin$/m);
  does(root, 'test', '-L', '/etc/systemd/system/multi-user.target.wants/hawser-agent.service');
  does(root, 'sh', '/var/lib/dpkg/info/hawser-agent.postinst', 'configure', '');
  assert.equal(does(root, 'hawser-agent', '--version').trim(), VERSION);

  const fleet = await fleetFor(t, { agents: [], identities: 'joined' });
  const joined = does(root, ...(await tokenLine(fleet, 'board-1')));
  assert.match(joined, /^Next: +hawser-agent run$/m);
  assert.equal(does(root, 'stat', '-c', '%U:%G', '/var/lib/hawser/identity/device.pem').trim(), 'hawser:hawser');
  simulatePods(root);

  const asUser = ['setpriv', '--reuid=hawser', '--regid=hawser', '--clear-groups', '--no-new-privs'];
  does(root, 'install', '-d', '-o', 'hawser', '-g', 'hawser', '-m', '0700', '/var/cache/hawser-agent');
  const start = async () => {
    const words = [...root.inside, 'env', 'HAWSER_CACHE_DIR=/var/cache/hawser-agent', ...asUser];
    const agent = startProcess({
      name: 'board-1',
      before: words,
      node: '/usr/bin/hawser-agent',
      args: ['run', '--config', CONFIG],
    });
    t.after(() => agent.stop());
    await agent.line('its start', ({ msg }) => msg === 'agent started', 120_000);
    return agent;
  };
  const agent = await start();
  await nodeReady(fleet.kube, 'board-1', 120_000);
  const statusOf = () => JSON.parse(does(root, 'hawser-agent', 'status', '-o', 'json')) as { storeId: string; running: boolean };
  const { storeId, running } = statusOf();
  assert.ok(running);
  // By the file of the package, which nobody named.
  const { config } = JSON.parse(root.run('hawser-agent', 'doctor', '-o', 'json').stdout) as { config: string };
  assert.equal(config, CONFIG);
  const stranger = root.run('setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups', 'hawser-agent', 'status');
  assert.equal(stranger.code, 2);
  assert.match(stranger.stderr, /\/etc\/hawser\/agent\.yaml may not be read by this user: give the command with sudo/);
  signal(root, '-TERM', agentIn(root));
  assert.equal((await agent.exited).code, 0);

  // A changed file and a changed default: dpkg asks, and answers for itself where nobody can.
  const changed = does(root, 'cat', CONFIG);
  does(root, 'dpkg', '--force-confdef', '--force-confold', '--install', '/mnt/next.deb');
  assert.equal(does(root, 'cat', CONFIG), changed);
  assert.match(does(root, 'cat', `${CONFIG}.dpkg-dist`), /A line more/);
  assert.equal(does(root, 'stat', '-c', '%A %U:%G', CONFIG).trim(), '-rw-r----- root:hawser');
  const upgraded = await start();
  assert.equal(statusOf().storeId, storeId);
  signal(root, '-TERM', agentIn(root));
  await upgraded.exited;

  does(root, 'dpkg', '--remove', 'hawser-agent');
  assert.equal(root.run('test', '-e', '/usr/bin/hawser-agent').code, 1);
  for (const kept of [CONFIG, '/var/lib/hawser/agent.db', '/var/lib/hawser/identity/device.pem']) does(root, 'test', '-e', kept);
  does(root, 'dpkg', '--purge', 'hawser-agent');
  const known = new Set(before);
  const left = namesIn(root).filter((name) => !known.has(name));
  assert.deepEqual(
    left.filter((name) => !/^\/etc\/(passwd|group|shadow|gshadow)-$/.test(name)),
    [],
  );
});

test('with systemd: not started before it has joined; ready, watched, ended and started again; the link is no part of it; purged', {
  timeout: 900_000,
  skip,
}, async (t) => {
  const folder = await packages(t);
  const root = await openDebianRoot({ mnt: folder, boots: true });
  t.after(() => root.close());
  const show = (name: string) => does(root, 'systemctl', 'show', '--value', '-p', name, 'hawser-agent').trim();
  const reaches = (what: string, name: string, matches: (value: string) => boolean) =>
    until(what, 120_000, undefined, async () => {
      const value = show(name);
      return matches(value) ? { value } : undefined;
    });

  does(root, 'dpkg', '--install', '/mnt/now.deb');
  assert.deepEqual([show('ActiveState'), show('ConditionResult'), show('UnitFileState')], ['inactive', 'no', 'enabled']);
  simulatePods(root);
  const fleet = await fleetFor(t, { agents: [], identities: 'joined' });
  const joined = does(root, ...(await tokenLine(fleet, 'board-2')));
  assert.match(joined, /^Next: +systemctl start hawser-agent$/m);
  const started = root.run('systemctl', 'start', 'hawser-agent');
  assert.equal(started.code, 0, root.run('journalctl', '--no-pager', '-n', '50', '-u', 'hawser-agent').stdout);
  const pid = show('MainPID');
  assert.deepEqual([show('ActiveState'), show('NRestarts')], ['active', '0']);
  await nodeReady(fleet.kube, 'board-2', 120_000);
  await reaches('what it says of its link', 'StatusText', (text) => /^link open to wss:/.test(text));
  const status = does(root, 'cat', `/proc/${pid}/status`);
  assert.match(status, /^CapEff:\t0+$/m);
  assert.match(status, /^CapBnd:\t0+$/m);
  assert.match(status, /^NoNewPrivs:\t1$/m);
  assert.match(status, /^Seccomp:\t2$/m);
  assert.equal(does(root, 'stat', '-c', '%U', `/proc/${pid}`).trim(), 'hawser');

  // Without a link it is as healthy as before.
  await fleet.relay().stop();
  await reaches('that the link is gone', 'StatusText', (text) => /^(no link|dialling)/.test(text));
  assert.deepEqual([show('ActiveState'), show('MainPID')], ['active', pid]);

  // One that gets no turn is ended by the watchdog, and started again, however often.
  does(root, 'mkdir', '-p', '/run/systemd/system/hawser-agent.service.d');
  does(
    root,
    'sh',
    '-c',
    'printf "[Service]\\nWatchdogSec=20\\nRestartSec=1\\n" > /run/systemd/system/hawser-agent.service.d/test.conf',
  );
  does(root, 'systemctl', 'daemon-reload');
  does(root, 'systemctl', 'restart', 'hawser-agent');
  signal(root, '-STOP', show('MainPID'));
  await reaches('a start after the watchdog', 'NRestarts', (count) => count === '1');
  await until('the reason in the journal', 60_000, undefined, async () =>
    does(root, 'journalctl', '--no-pager', '-u', 'hawser-agent').includes('Watchdog timeout'),
  );
  await reaches('it runs', 'ActiveState', (state) => state === 'active');
  signal(root, '-KILL', show('MainPID'));
  await reaches('a start after a kill', 'NRestarts', (count) => count === '2');
  await reaches('it runs', 'ActiveState', (state) => state === 'active');
  // However often: systemd counts no starts.
  assert.equal(show('StartLimitIntervalUSec'), '0');

  // As an agent that runs a kubelet has to be: root, with the folders; and back.
  const dropIn = '/run/systemd/system/hawser-agent.service.d/kubelet.conf';
  does(root, 'cp', '/usr/share/doc/hawser-agent/examples/agent-runs-kubelet.conf', dropIn);
  const userNow = () => {
    does(root, 'systemctl', 'daemon-reload');
    does(root, 'systemctl', 'restart', 'hawser-agent');
    return does(
      root,
      'stat',
      '-c',
      '%U',
      `/proc/${show('MainPID')}`,
      '/var/lib/hawser/agent.db',
      '/var/cache/hawser-agent',
    ).trim();
  };
  assert.equal(userNow(), 'root\nroot\nroot');
  assert.match(does(root, 'cat', `/proc/${show('MainPID')}/status`), /^CapEff:\t0*[1-9a-f][0-9a-f]+$[\s\S]*^Seccomp:\t0$/m);
  does(root, 'rm', dropIn);
  assert.equal(userNow(), 'hawser\nhawser\nhawser');

  const old = show('MainPID');
  does(root, 'dpkg', '--force-confdef', '--force-confold', '--install', '/mnt/next.deb');
  assert.equal(show('ActiveState'), 'active');
  assert.notEqual(show('MainPID'), old);
  does(root, 'dpkg', '--purge', 'hawser-agent');
  assert.equal(agentIn(root), '');
  for (const gone of ['/var/lib/hawser', '/etc/hawser', '/var/cache/hawser', '/var/cache/hawser-agent']) {
    assert.equal(root.run('test', '-e', gone).code, 1, gone);
  }
});
