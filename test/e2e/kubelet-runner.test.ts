import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { keySourceOf, openStore, SYNC_FACTS, sealOf, systemClock, systemProcesses } from '@hawser/edge';
import { pino } from 'pino';
import { parse } from 'yaml';
import { CLUSTER } from '../local/device.ts';
import { type JournalEntry, kubeletProgram } from '../runner/kubelet-program.ts';
import { freePort } from '../support/free-port.ts';
import { createAuthority, issueNodeCertificate, writePair, writePem } from '../support/pki.ts';
import { type RunningProcess, runCommand, startProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';

/** An agent that starts a kubelet and keeps it running, on a device that has synced once and has no link. The kubelet is a program of its own. */

const AGENT = 'edge/src/main.ts';
const NODE_NAME = 'edge-1';
const WAIT_MS = 60_000;

async function device(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), 'hawser-runner-'));
  const authority = await createAuthority('hawser-runner');
  const pair = await writePair(join(dir, 'pki'), 'device', await issueNodeCertificate(authority, NODE_NAME));
  const ca = await writePem(join(dir, 'pki'), 'ca.crt', authority.certificatePem);
  const dataDir = join(dir, 'data');
  const program = kubeletProgram(dir);
  const running: RunningProcess[] = [];
  t.after(async () => {
    for (const agent of running) await agent.stop();
    for (const pid of pidsIn(program.journal())) if (isThere(pid)) process.kill(pid, 'SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  });
  const identity = [
    // Nobody listens on that port: there is no link.
    ...['--data-dir', dataDir, '--relay-urls', 'wss://127.0.0.1:1', '--tls-ca', ca],
    ...['--tls-cert', pair.certificateFile, '--tls-key', pair.keyFile],
  ];
  const run = (...flags: string[]) => ['run', ...identity, '--api-port', '0', '--ops-port', '0', ...flags];
  const known = () => new Set(pidsIn(program.journal()));
  return {
    ...{ dir, dataDir, program, known },
    identity,
    /** As it was left when the link was lost. */
    syncedOnce() {
      const logger = pino({ level: 'silent' });
      const seal = sealOf(keySourceOf(undefined, dataDir, undefined));
      const store = openStore({ path: join(dataDir, 'agent.db'), seal, logger, clock: systemClock });
      store.bindCluster(CLUSTER);
      store.setFact(SYNC_FACTS.lastSync, new Date().toISOString());
      store.close();
    },
    async start(...flags: string[]) {
      const agent = startProcess({
        name: 'agent',
        args: [AGENT, ...run('--kubelet', program.path, ...flags)],
        logFile: join(dir, 'agent.log'),
        ownGroup: true,
      });
      running.push(agent);
      await agent.line('its start', ({ msg }) => msg === 'agent started', WAIT_MS);
      return agent;
    },
    refused: (...flags: string[]) => runCommand({ name: 'agent', args: [AGENT, ...run(...flags)] }),
    command: (...args: string[]) => runCommand({ name: args.join(' '), args: [AGENT, ...args] }),
    async status() {
      const { stdout } = await runCommand({ name: 'status', args: [AGENT, 'status', '-o', 'json', '--data-dir', dataDir] });
      const { kubelet } = JSON.parse(stdout) as { kubelet: Record<string, unknown> };
      return kubelet;
    },
    /** The first that matches, of a kubelet that is not among those. */
    entry<Event extends JournalEntry['event']>(event: Event, matches: (entry: JournalEntry & { event: Event }) => boolean) {
      const isIt = (entry: JournalEntry): entry is JournalEntry & { event: Event } => entry.event === event;
      return until(`"${event}" in the journal of the kubelet`, WAIT_MS, undefined, async () =>
        program.journal().filter(isIt).find(matches),
      );
    },
  };
}

function pidsIn(journal: readonly JournalEntry[]): number[] {
  return journal.flatMap((entry) => (entry.event === 'started' ? [entry.pid] : []));
}

/** Runs, and has not just ended without anybody to ask about it. */
function isThere(pid: number): boolean {
  return systemProcesses.startTimeOf(pid) !== undefined;
}

test('the agent starts a kubelet, keeps it running and ends it', { timeout: 480_000 }, async (t) => {
  const here = await device(t);
  const { program, dataDir, entry, known } = here;
  const folder = join(dataDir, 'kubelet');
  let agent = await here.start();
  await agent.stop();
  here.syncedOnce();

  await t.test('without a link: it registers the node at the local API and renews its Lease', async () => {
    const before = known();
    program.play({
      says: [
        'I1123 14:08:35.123456       1 server.go:525] "Kubelet version" kubeletVersion="v1.36.2"',
        'W1123 14:08:35.123456       1 server.go:7] cgroup v1',
      ],
    });
    agent = await here.start();
    const { pid, args, variables } = await entry('started', ({ pid }) => !before.has(pid));
    await entry('played', (played) => played.pid === pid && played.what === 'registered');
    await agent.line('its life', ({ msg }) => String(msg).startsWith('kubelet is alive'), WAIT_MS);
    assert.deepEqual(args, [
      `--config=${folder}/config.yaml`,
      `--kubeconfig=${folder}/kubeconfig`,
      `--hostname-override=${NODE_NAME}`,
    ]);
    const shell = ['_', 'OLDPWD', 'PWD', 'SHLVL'];
    assert.deepEqual(
      variables.filter((name) => !shell.includes(name)),
      ['HAWSER_KUBELET', 'HOME', 'PATH'],
    );
    const status = await here.status();
    assert.deepEqual([status.state, status.version, status.alive, status.detail], ['running', 'v1.36.2', true, `pid ${pid}`]);
  });

  await t.test('what it says is in the agent’s log, with its level', async () => {
    const { level, source } = await agent.line('its words', ({ line }) => line === 'cgroup v1');
    assert.deepEqual([level, source], ['warn', 'server.go:7']);
    await agent.line('its words', ({ line, level }) => String(line).startsWith('"Kubelet version"') && level === 'info');
  });

  await t.test('its files are private', () => {
    for (const name of ['config.yaml', 'kubeconfig', 'server.crt', 'server.key']) {
      assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
    }
    for (const path of [folder, join(folder, 'manifests')]) assert.equal(statSync(path).mode & 0o777, 0o700);
    assert.ok(
      !readFileSync(join(folder, 'kubeconfig'), 'utf8').includes(readFileSync(join(dataDir, 'kubelet.token'), 'utf8').trim()),
    );
  });

  await t.test('a static pod is mirrored', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'logger' },
      spec: { containers: [{ name: 'main', image: 'x' }] },
    };
    writeFileSync(join(folder, 'manifests', 'logger.yaml'), JSON.stringify(pod));
    await entry('played', ({ what }) => what === 'mirrorCreated');
  });

  await t.test('killed, it is started again, and metrics count it', async () => {
    const before = known();
    const [old = 0] = [...before].slice(-1);
    process.kill(old, 'SIGKILL');
    const { pid } = await entry('started', ({ pid }) => !before.has(pid));
    await entry('played', (played) => played.pid === pid && played.what === 'registered');
    const { opsPort } = await agent.line('its start', ({ msg }) => msg === 'agent started');
    const metrics = await (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text();
    assert.match(metrics, /^hawser_agent_kubelet_ends_total 1$/m);
    assert.match(metrics, /^hawser_agent_kubelet_starts_total 2$/m);
    assert.match(metrics, /^hawser_agent_kubelet_state\{state="running"\} 1$/m);
  });

  await t.test('Ctrl-C ends the agent, which ends the kubelet in order: nothing is left behind', async () => {
    const [pid = 0] = [...known()].slice(-1);
    process.kill(-agent.pid, 'SIGINT');
    assert.deepEqual(await agent.exited, { code: 0, signal: null });
    const last = program.journal().filter((one) => one.pid === pid && one.event !== 'played');
    assert.deepEqual(
      last.map(({ event }) => event),
      ['started', 'asked to end', 'ended'],
    );
    assert.equal(isThere(pid), false);
    assert.equal((await here.status()).state, 'stopped');
  });

  await t.test('what the operator wants otherwise is in its configuration from the next start on', async () => {
    const before = known();
    const config = join(here.dir, 'mine.yaml');
    writeFileSync(config, 'maxPods: 7\n');
    agent = await here.start('--kubelet-config', config, '--kubelet-args', '--v=4,--node-ip=127.0.0.1');
    const { args } = await entry('started', ({ pid }) => !before.has(pid));
    assert.deepEqual(args.slice(-2), ['--v=4', '--node-ip=127.0.0.1']);
    const { maxPods, address } = parse(readFileSync(join(folder, 'config.yaml'), 'utf8'));
    assert.deepEqual([maxPods, address], [7, '127.0.0.1']);
  });

  await t.test('when the agent is killed its kubelet is ended before the next agent starts one', async () => {
    const before = known();
    const [old = 0] = [...before].slice(-1);
    await entry('played', (played) => played.pid === old && played.what === 'registered');
    await agent.kill();
    agent = await here.start();
    const { pid } = await entry('started', ({ pid }) => !before.has(pid));
    assert.equal(isThere(old), false);
    const journal = program.journal();
    const began = journal.findIndex((one) => one.pid === pid);
    // It may have ended by itself, as its output had nobody to read it.
    assert.ok(!journal.slice(began).some((one) => one.pid === old), 'the old kubelet has done something beside the new one');
  });

  await t.test('one that does not listen to SIGTERM is killed after a time', async () => {
    program.play({ ignoresTerm: true });
    const before = known();
    process.kill([...before].at(-1) ?? 0, 'SIGKILL');
    const { pid } = await entry('started', ({ pid }) => !before.has(pid));
    // Its handler is there once it has said so.
    await entry('played', (played) => played.pid === pid);
    assert.deepEqual(await agent.stop(), { code: 0, signal: null });
    assert.ok(program.journal().some((one) => one.pid === pid && one.event === 'asked to end'));
    assert.equal(isThere(pid), false);
  });

  await t.test('one that ends again and again is told with its last words, and the agent goes on', async () => {
    program.play({ endsWith: 3, says: ['E1123 14:08:35.123456       1 run.go:72] "command failed" err="no containerd"'] });
    agent = await here.start();
    const { lastLines } = await agent.line('its fate', ({ msg }) => msg === 'kubelet ends again and again', WAIT_MS);
    assert.match(JSON.stringify(lastLines), /command failed.*no containerd/);
    // Between two attempts.
    const status = await until('its fate in the status', WAIT_MS, undefined, async () => {
      const now = await here.status();
      return now.state === 'waiting' && now;
    });
    assert.match(String(status.detail), /^it has ended with code 3, \d+ times in a row$/);
    assert.match(JSON.stringify(status.lastLines), /no containerd/);
    assert.deepEqual(await agent.stop(), { code: 0, signal: null });
  });
});

test('a kubelet that cannot be started as it is said is refused before anything starts', { timeout: 240_000 }, async (t) => {
  const here = await device(t);
  const { program, dataDir } = here;
  const { path } = program;
  const config = join(here.dir, 'mine.yaml');
  writeFileSync(config, 'authentication: {anonymous: {enabled: true}}\n');
  const old = kubeletProgram(mkdtempSync(join(here.dir, 'old-')));
  old.play({ version: 'v1.29.3' });
  const cases: [string[], RegExp][] = [
    [['--kubelet', join(here.dir, 'none')], /kubelet\.path: .*none is not there/],
    [['--kubelet', old.path], /kubelet\.path: .* is v1\.29\.3, and kubelets of 1\.30 to 1\.36 are started/],
    [['--kubelet', config], /kubelet\.path: .*mine\.yaml is not there, or is no program/],
    [['--kubelet', path, '--kubelet-config', config], /kubelet\.config: .*mine\.yaml: authentication cannot be set/],
    [['--kubelet', path, '--kubelet-args', '--config=/x'], /kubelet\.args: "--config=\/x": cannot be given/],
    [['--kubelet', path, '--workload', 'hollow'], /workload: --kubelet means kubelet, and another flag says hollow/],
    [['--kubelet-path', path], /kubelet\.path: is for workload kubelet, and the workload is hollow/],
    [['--kubelet=external'], /api\.port: must be a fixed one/],
  ];
  await Promise.all(
    cases.map(async ([flags, message]) => {
      const { code, stderr } = await here.refused(...flags);
      assert.equal(code, 2, `${flags.join(' ')}: ${stderr}`);
      assert.match(stderr, message);
    }),
  );
  assert.equal(existsSync(join(dataDir, 'agent.db')), false);
  assert.deepEqual(program.journal(), []);
});

test('a kubelet that is left to systemd is started by the lines that are printed for its unit', {
  timeout: 240_000,
}, async (t) => {
  const here = await device(t);
  const { program, dataDir, identity, entry } = here;
  const shown = await here.command('kubelet', 'config', ...identity, '-o', 'systemd');
  assert.equal(shown.code, 0, shown.stderr);
  assert.equal(existsSync(join(dataDir, 'kubelet')), false);
  const port = String(await freePort());
  const agent = startProcess({
    name: 'agent',
    args: [AGENT, 'run', ...identity, '--api-port', port, '--kubelet=external'],
    logFile: join(here.dir, 'agent.log'),
  });
  t.after(() => agent.stop());
  const { unit } = await agent.line('the lines', ({ unit }) => unit !== undefined, WAIT_MS);
  assert.deepEqual(unit, shown.stdout.trim().split('\n'));
  const [environment = '', command = ''] = unit as string[];
  assert.equal(environment, `EnvironmentFile=${join(dataDir, 'kubelet', 'kubelet.env')}`);
  assert.match(command, /^ExecStart=\/\S*kubelet \$HAWSER_KUBELET_ARGS$/);

  // As systemd does it: the file’s variable, and one argument of each word.
  const script = `. "$1"; exec "$2" $HAWSER_KUBELET_ARGS`;
  const kubelet = spawn('/bin/sh', ['-c', script, 'sh', environment.replace('EnvironmentFile=', ''), program.path], {
    stdio: 'ignore',
  });
  const { pid } = await entry('started', () => true);
  await entry('played', (played) => played.pid === pid && played.what === 'registered');
  assert.equal((await here.status()).state, 'external');
  const ended = once(kubelet, 'exit');
  assert.deepEqual(await agent.stop(), { code: 0, signal: null });
  assert.equal(isThere(pid), true, 'the agent has ended a kubelet that is not its own');
  kubelet.kill('SIGTERM');
  await ended;
});

test('the configuration and command line of a kubelet are printed, and nothing is started', { timeout: 180_000 }, async (t) => {
  const here = await device(t);
  const flags = ['kubelet', 'config', ...here.identity, '--kubelet', here.program.path];
  const text = await here.command(...flags);
  assert.equal(text.code, 0, text.stderr);
  assert.equal(parse(text.stdout).kind, 'KubeletConfiguration');
  const { stdout } = await here.command(...flags, '-o', 'command');
  assert.ok(text.stdout.startsWith(`# ${stdout}`));
  assert.match(stdout, /kubelet --config=\S+\/kubelet\/config\.yaml --kubeconfig=\S+ --hostname-override=edge-1\n$/);
  assert.deepEqual(here.program.journal(), []);
  assert.equal(existsSync(here.dataDir), false);
});
