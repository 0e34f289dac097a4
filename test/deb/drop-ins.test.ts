import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fleetFor, nodeReady } from '../e2e/harness.ts';
import { startHttpProxy } from '../net/http-proxy.ts';
import { openDebianRoot, withoutDebianRoot } from '../support/debian-root.ts';
import { neverSay } from '../support/output-check.ts';
import { ROOT } from '../support/processes.ts';
import { withoutTool } from '../support/tools.ts';
import { until } from '../support/until.ts';
import { debFor, folderFor } from './deb.ts';
import { CONFIG, does, simulatePods, tokenLine } from './root.ts';

const NODE = 'truck-1';
const RELAY = 'relay.example:8443';
/** From which on systemd knows RestartSteps=. */
const WITH_RESTART_STEPS = 254;

/** The block of a page that holds those words. */
function blockOf(page: string, words: string): string {
  const text = readFileSync(join(ROOT, 'docs', page), 'utf8');
  const blocks = [...text.matchAll(/^```(?:ini|sh)\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  const found = blocks.filter((block) => block.includes(words));
  assert.equal(found.length, 1, `${page} has ${found.length} blocks with ${words}`);
  return found[0] ?? '';
}

test("an operator's drop-ins, as the pages have them: joined in the first boot, a proxy with a password, a sealed key, another place, rarer restarts", {
  timeout: 900_000,
  skip: process.env.HAWSER_TEST_SUITE
    ? withoutDebianRoot() || withoutTool('debootstrap')
    : 'HAWSER_TEST_SUITE names no Debian: by hand',
}, async (t) => {
  const folder = folderFor(t);
  const deb = await debFor(folder, 'x64');
  const root = await openDebianRoot({ mnt: folder, boots: true });
  t.after(() => root.close());
  const write = (path: string, text: string, mode = '0644') => {
    does(root, 'mkdir', '-p', path.slice(0, path.lastIndexOf('/')));
    does(root, 'sh', '-c', 'umask 077; printf %s "$1" > "$0"; chmod "$2" "$0"', path, text, mode);
  };
  /** What `systemctl edit` writes. */
  const edit = (unit: string, text: string) => {
    write(`/etc/systemd/system/${unit}.service.d/override.conf`, text);
    does(root, 'systemctl', 'daemon-reload');
  };
  const show = (name: string) => does(root, 'systemctl', 'show', '--value', '-p', name, 'hawser-agent').trim();
  const journal = () => does(root, 'journalctl', '--no-pager');
  const restart = () => {
    const { code } = root.run('systemctl', 'restart', 'hawser-agent');
    assert.equal(code, 0, does(root, 'journalctl', '--no-pager', '-n', '60'));
  };
  const linked = () =>
    until('the link', 120_000, undefined, async () =>
      show('StatusText').startsWith(`link open to wss://${RELAY}`) ? true : undefined,
    );

  does(root, 'dpkg', '--install', `/mnt/${deb.slice(folder.length + 1)}`);
  simulatePods(root);
  does(root, 'sh', '-c', `echo ${NODE} > /proc/sys/kernel/hostname`);
  const fleet = await fleetFor(t, {
    agents: [],
    identities: 'joined',
    relayFlags: { '--link-names': 'relay.example,127.0.0.1' },
  });
  const words = await tokenLine(fleet, NODE);
  const after = (name: string) => words[words.indexOf(name) + 1] ?? assert.fail(`${name} is not in the line`);
  const password = 'planted-proxy-password';
  neverSay(password);
  const proxy = await startHttpProxy({ names: { [RELAY]: fleet.relays[0]?.linkPort ?? 0 }, credentials: `truck:${password}` });
  t.after(proxy.close);

  // The key lies sealed before the first start: the machine's own key in the place of a TPM.
  const sealing = blockOf('agent.md', 'systemd-creds encrypt').replace('--with-key=tpm2', '--with-key=host');
  does(root, 'sh', '-c', 'umask 077; head -c 32 /dev/urandom > /root/store.key');
  does(root, 'sh', '-c', sealing.replace('head -c 32 /dev/urandom', 'cat /root/store.key'));
  const credential = blockOf('agent.md', 'LoadCredentialEncrypted=');
  write('/etc/hawser/proxy.env', `HTTPS_PROXY=${proxy.url.replace('//', `//truck:${password}@`)}\n`, '0600');
  const behindProxy = '\n[Service]\nEnvironmentFile=/etc/hawser/proxy.env\n';
  edit('hawser-agent', credential + behindProxy);

  const unit = does(root, 'cat', '/usr/share/doc/hawser-agent/examples/hawser-join.service');
  write('/etc/systemd/system/hawser-join.service', unit.replace('sha256:HEX', after('--ca-hash')));
  write('/etc/hawser/join-token', after('--token'), '0600');
  edit('hawser-join', behindProxy);
  // Its end is waited for below: the proxy is in this process, and gets no turn while a command is.
  does(root, 'systemctl', 'start', '--no-block', 'hawser-join');
  await nodeReady(fleet.kube, NODE, 120_000);
  await linked();
  assert.deepEqual([...new Set(proxy.tunnels)], [RELAY]);
  assert.match(does(root, 'hawser-agent', 'status'), /^Sealed: +\S/m);
  does(root, 'systemctl', 'start', 'hawser-join');
  assert.equal(does(root, 'systemctl', 'show', '--value', '-p', 'ConditionResult', 'hawser-join').trim(), 'no');

  // Unsealed by a program of the operator's, which writes to memory.
  const unsealing = blockOf('agent.md', 'ExecStartPre=/usr/bin/tpm2_unseal');
  write('/usr/bin/tpm2_unseal', '#!/bin/sh\nexec cp /usr/local/share/store.key "$4"\n', '0755');
  does(root, 'install', '-o', 'hawser', '-m', '0400', '/root/store.key', '/usr/local/share/store.key');
  edit('hawser-agent', unsealing + behindProxy);
  restart();
  await linked();
  assert.match(does(root, 'stat', '-c', '%U %a', '/run/hawser', '/run/hawser/store.key'), /^hawser 700\nhawser [64]00$/m);

  // In another place, which is writable where everything else is not; and with rarer restarts, where systemd knows them.
  does(root, 'systemctl', 'stop', 'hawser-agent');
  does(root, 'install', '-d', '-o', 'hawser', '-g', 'hawser', '-m', '0700', '/data/hawser');
  does(root, 'sh', '-c', 'cp -a /var/lib/hawser/. /data/hawser/ && rm -r /var/lib/hawser/*');
  does(root, 'sh', '-c', `echo 'dataDir: /data/hawser' >> ${CONFIG}`);
  const elsewhere = '\n[Unit]\nConditionPathExists=|/data/hawser/identity/device.json\n[Service]\nReadWritePaths=/data/hawser\n';
  const version = Number(/^systemd (\d+)/.exec(does(root, 'systemctl', '--version'))?.[1]);
  const steps = version >= WITH_RESTART_STEPS ? blockOf('packages.md', 'RestartSteps=') : '';
  edit('hawser-agent', unsealing + behindProxy + elsewhere + steps);
  restart();
  await linked();
  does(root, 'test', '-e', '/data/hawser/agent.db');
  assert.match(does(root, 'hawser-agent', 'status'), new RegExp(`wss://${RELAY}`));
  if (steps !== '') assert.deepEqual([show('RestartSteps'), show('RestartMaxDelayUSec')], ['6', '5min']);

  const said = journal();
  assert.doesNotMatch(said, new RegExp(password));
  assert.doesNotMatch(said, /Unknown (key|section)|Failed to parse/);
  t.diagnostic(`systemd ${version}`);
});
