import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { fieldsOf } from '../apiserver/policy/fields.ts';
import { configMap, nodeReady, secret } from '../e2e/harness.ts';
import { atDevice } from '../support/fleet.ts';
import { freePort } from '../support/free-port.ts';
import type { KubeClient } from '../support/kube.ts';
import { startProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { type ContainerStatus, containerOf, fileIn, variablesOf } from './container.ts';
import { type RealDevice, realDevice } from './device.ts';
import { askKubelet } from './kubelet-server.ts';
import { appPod, MOUNTED, staticPod } from './pods.ts';
import { devicePrograms } from './programs.ts';

/** A kubelet, containerd and containers beside an agent, none of them played. Not in CI: the programs are not part of the project. */

const PODS = Array.from({ length: 10 }, (_, n) => `app-${n}`);
const WAIT_MS = 120_000;

const programs = devicePrograms();
const skip = process.env.CI
  ? 'it takes minutes and programs that are not of the project: not in CI'
  : typeof programs === 'string' && programs;

function podWhere(kube: KubeClient, name: string, matches: (container: ContainerStatus, pod: KubeObject) => boolean) {
  return until(`pod ${name} in the cluster`, WAIT_MS, undefined, async () => {
    const pod = await kube.get('pods', 'default', name);
    return pod !== undefined && matches(containerOf(pod), pod) && pod;
  });
}

function gone(kube: KubeClient, name: string) {
  return until(`${name} gone`, WAIT_MS, undefined, async () => (await kube.get('pods', 'default', name)) === undefined);
}

async function isAccepted(kube: KubeClient, token: string): Promise<boolean> {
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } };
  const { body } = await kube.raw('POST', '/apis/authentication.k8s.io/v1/tokenreviews', review);
  return fieldsOf(fieldsOf(body).status).authenticated === true;
}

/** Waits for reasons of Events about the pod in the cluster. */
function eventsOf(kube: KubeClient, name: string, ...reasons: readonly string[]) {
  return until(`Events ${reasons.join(', ')} of ${name}`, WAIT_MS, undefined, async () => {
    const events = await kube.list('events', 'default');
    const told = events.filter(({ involvedObject }) => fieldsOf(involvedObject).name === name).map(({ reason }) => reason);
    return reasons.every((reason) => told.includes(reason));
  });
}

/** What the steps of a life share. */
function lifeOf({ fleet, device, machine }: RealDevice) {
  const { kube } = fleet;
  /** The process of a pod's container, as the cluster and the runtime tell it. */
  const processOf = async (name: string) => {
    const pod = await podWhere(kube, name, ({ isRunning }) => isRunning);
    const { id = '' } = containerOf(pod);
    return (await machine.containers()).get(id) ?? assert.fail(`${name}: the runtime does not run container ${id}`);
  };
  const processes = async () => new Map(await Promise.all(PODS.map(async (name) => [name, await processOf(name)] as const)));
  return {
    kube,
    processOf,
    processes,
    edit: (greeting: string) => kube.patch('configmaps', 'default', 'settings', { data: { greeting } }),
    async everywhere(greeting: string) {
      for (const [name, pid] of await processes()) {
        await until(`"${greeting}" in ${name}`, WAIT_MS, undefined, async () => fileIn(pid, MOUNTED.greeting) === greeting);
      }
    },
    /** Whatever `step` does, each container goes on as the same process, and the cluster tells of no restart. */
    async withoutRestarts(step: () => Promise<void>) {
      const before = await processes();
      const all = await machine.containers();
      await step();
      assert.deepEqual(await processes(), before);
      assert.deepEqual([...(await machine.containers())].sort(), [...all].sort());
      for (const name of PODS) {
        const pod = await kube.get('pods', 'default', name);
        assert.equal(pod && containerOf(pod).restarts, 0, name);
      }
    },
    /** One kubelet that is none of those. */
    anotherKubelet: (than: readonly number[]) =>
      until('another kubelet', WAIT_MS, undefined, async () => {
        const now = machine.kubelets();
        return now.length === 1 && !than.includes(now[0] ?? 0);
      }),
    device,
  };
}

async function tenPods(t: TestContext, { kube, everywhere, processOf, edit }: ReturnType<typeof lifeOf>) {
  await kube.create(configMap('settings', { greeting: 'hello' }));
  await kube.create(secret('login', { user: 'anna' }));
  const began = performance.now();
  for (const name of PODS) await kube.create(appPod('edge-1', name));
  for (const name of PODS) await podWhere(kube, name, ({ isReady }) => isReady);
  t.diagnostic(`10 pods ready in the cluster ${Math.round(performance.now() - began)} ms after they were made`);
  await everywhere('hello');
  const pid = await processOf('app-0');
  assert.equal(variablesOf(pid).get('user'), 'anna');
  assert.equal(await isAccepted(kube, fileIn(pid, MOUNTED.token)), true);
  await edit('changed');
  await everywhere('changed');
}

test('a real kubelet with containers lives beside an agent that starts it', { skip, timeout: 900_000 }, async (t) => {
  assert.ok(typeof programs !== 'string');
  const here = await realDevice(t, programs);
  const { device, machine } = here;
  const life = lifeOf(here);
  const { kube, edit, everywhere, processes, processOf, withoutRestarts, anotherKubelet } = life;
  const flags = { ...here.kubeletFlags, '--kubelet-path': machine.kubelet };
  await device.start(flags);

  await t.test('its Node is Ready in the cluster, with its version and runtime', async () => {
    const node = await nodeReady(kube, 'edge-1', WAIT_MS);
    const { kubeletVersion, containerRuntimeVersion } = fieldsOf(fieldsOf(node.status).nodeInfo);
    assert.match(String(kubeletVersion), /^v1\.\d+\.\d+/);
    assert.match(String(containerRuntimeVersion), /^containerd:\/\/\d/);
    t.diagnostic(`kubelet ${kubeletVersion}, ${containerRuntimeVersion}`);
  });

  await t.test('containers find ConfigMap, Secret and token, and what is edited', () => tenPods(t, life));

  await t.test('`status` and `doctor` see it', async () => {
    const { kubelet } = await device.status();
    assert.deepEqual([fieldsOf(kubelet).state, fieldsOf(kubelet).alive], ['running', true]);
    const { stdout } = await device.command('doctor', '-o', 'json');
    const { findings } = JSON.parse(stdout) as { findings: readonly { check: string; level: string; text: string }[] };
    // Others are of this machine: a disk that is nearly full.
    const told = findings.filter(({ check }) => check === 'kubelet');
    assert.ok(told.length > 0 && told.every(({ level }) => level === 'ok'), JSON.stringify(told));
  });

  await t.test('a container that ends is restarted, and the cluster is told of restarts, waiting and Events', async () => {
    await kube.create(appPod('edge-1', 'short', { script: 'exit 3' }));
    await podWhere(kube, 'short', ({ restarts, waits }) => restarts >= 1 && waits === 'CrashLoopBackOff');
    await eventsOf(kube, 'short', 'Pulled', 'Created', 'Started', 'BackOff');
    await kube.remove('pods', 'default', 'short', 1);
    await gone(kube, 'short');
  });

  await t.test('one that has done its work is told as that', async () => {
    await kube.create(appPod('edge-1', 'job', { script: 'echo "$user" of "$(cat /etc/cfg/greeting)"', restartPolicy: 'Never' }));
    await podWhere(kube, 'job', (_, { status }) => fieldsOf(status).phase === 'Succeeded');
  });

  await t.test(
    'the kubelet’s own server gives logs and runs commands for whom the device’s API knows, and for nobody else',
    async () => {
      const [admin, viewer] = ['api.token', 'viewer.token'].map((name) =>
        readFileSync(join(device.dataDir, name), 'utf8').trim(),
      );
      const at = { dataDir: device.dataDir, port: here.port };
      const logs = '/containerLogs/default/job/main';
      assert.deepEqual(await askKubelet(at, logs, { token: admin }), { status: 200, text: 'anna of changed\n' });
      const ran = await askKubelet(at, '/run/default/app-0/main?cmd=cat%20/etc/cfg/greeting', { method: 'POST', token: admin });
      assert.deepEqual(ran, { status: 200, text: 'changed' });
      assert.equal((await askKubelet(at, logs)).status, 401);
      assert.equal((await askKubelet(at, logs, { token: 'a-stranger' })).status, 401);
      assert.equal((await askKubelet(at, logs, { token: viewer })).status, 403);
      await kube.remove('pods', 'default', 'job');
      await gone(kube, 'job');
    },
  );

  await t.test('readiness is what a probe says', async () => {
    await kube.create(appPod('edge-1', 'probed', { ready: 'cat /tmp/ready' }));
    const pod = await podWhere(kube, 'probed', ({ isRunning }) => isRunning);
    assert.equal(containerOf(pod).isReady, false);
    await eventsOf(kube, 'probed', 'Unhealthy');
    writeFileSync(`/proc/${await processOf('probed')}/root/tmp/ready`, '');
    await podWhere(kube, 'probed', ({ isReady }) => isReady);
  });

  await t.test('one that is deleted is asked to end, and is gone when it has', async () => {
    const before = await machine.containers();
    const pid = await processOf('probed');
    await kube.remove('pods', 'default', 'probed', 60);
    const began = performance.now();
    await gone(kube, 'probed');
    t.diagnostic(`gone after ${Math.round(performance.now() - began)} ms`);
    const after = await machine.containers();
    assert.ok(![...after.values()].includes(pid));
    assert.ok(after.size < before.size);
    await eventsOf(kube, 'probed', 'Killing');
  });

  await t.test('a static pod runs and has its mirror', async () => {
    const file = join(device.dataDir, 'kubelet', 'manifests', 'beacon.json');
    writeFileSync(file, JSON.stringify(staticPod('beacon')));
    const mirror = await podWhere(kube, 'beacon-edge-1', ({ isReady }) => isReady);
    await kube.remove('pods', 'default', 'beacon-edge-1', 0);
    const isAnother = (one: KubeObject) => one.metadata.uid !== mirror.metadata.uid;
    await podWhere(kube, 'beacon-edge-1', ({ isReady }, one) => isReady && isAnother(one));
    rmSync(file);
    await gone(kube, 'beacon-edge-1');
  });

  await t.test('an agent that is killed and started restarts no container', async () => {
    await withoutRestarts(async () => {
      const before = machine.kubelets();
      await device.process().kill();
      await device.start(flags);
      await anotherKubelet(before);
      await edit('after');
      await everywhere('after');
    });
  });

  await t.test('nor does one that is stopped and started', async () => {
    await withoutRestarts(async () => {
      await device.process().stop();
      assert.deepEqual(machine.kubelets(), []);
      await device.start(flags);
      await edit('stopped');
      await everywhere('stopped');
    });
  });

  await t.test('nor a kubelet that is killed', async () => {
    await withoutRestarts(async () => {
      const before = machine.kubelets();
      for (const pid of before) process.kill(pid, 'SIGKILL');
      await anotherKubelet(before);
      await edit('again');
      await everywhere('again');
    });
  });

  await t.test('nor containerd, when it starts again', async () => {
    await withoutRestarts(async () => {
      await machine.restartContainerd();
      await edit('containerd');
      await everywhere('containerd');
    });
  });

  await t.test(
    'without a link a container that is killed runs again, the cluster hears of it later, and what it has deleted ends then',
    async () => {
      await kube.create(appPod('edge-1', 'extra'));
      const extra = await podWhere(kube, 'extra', ({ isReady }) => isReady);
      device.link.cut();
      await kube.remove('pods', 'default', 'extra', 5);
      process.kill(await processOf('app-0'), 'SIGKILL');
      const isAgain = (pod: KubeObject) => containerOf(pod).restarts === 1 && containerOf(pod).isReady;
      await atDevice(device, 'pods', 'default', 'app-0', isAgain, WAIT_MS);
      await edit('unlinked');
      device.link.restore();
      await podWhere(kube, 'app-0', (_, pod) => isAgain(pod));
      await everywhere('unlinked');
      await gone(kube, 'extra');
      assert.ok(!(await machine.containers()).has(containerOf(extra).id ?? ''));
    },
  );

  await t.test(
    'after a power cut without a network all pods run again, and the cluster hears of it when the link is back',
    async () => {
      const before = await processes();
      const restarts = new Map(
        await Promise.all(
          PODS.map(async (name) => {
            const pod = await kube.get('pods', 'default', name);
            return [name, pod === undefined ? 0 : containerOf(pod).restarts] as const;
          }),
        ),
      );
      device.link.cut();
      await device.process().kill();
      await machine.cut();
      const began = performance.now();
      await Promise.all([machine.start(), device.start(flags)]);
      const isAgain = (pod: KubeObject) =>
        containerOf(pod).isReady && containerOf(pod).restarts === Number(restarts.get(pod.metadata.name ?? '')) + 1;
      for (const name of PODS) await atDevice(device, 'pods', 'default', name, isAgain, WAIT_MS);
      t.diagnostic(`10 pods ${Math.round(performance.now() - began)} ms after power came`);
      device.link.restore();
      for (const name of PODS) await podWhere(kube, name, (_, pod) => isAgain(pod));
      const after = await processes();
      for (const [name, pid] of after) assert.notEqual(pid, before.get(name));
      await everywhere('unlinked');
      await edit('linked');
      await everywhere('linked');
      await nodeReady(kube, 'edge-1', WAIT_MS);
    },
  );
});

test('a real kubelet that is left to systemd lives beside an agent by its lines', { skip, timeout: 600_000 }, async (t) => {
  assert.ok(typeof programs !== 'string');
  const here = await realDevice(t, programs);
  const { device, machine } = here;
  const life = lifeOf(here);
  const { kube, edit, everywhere, withoutRestarts, anotherKubelet } = life;
  const flags = { ...here.kubeletFlags, '--kubelet-path': 'external', '--api-port': String(await freePort()) };
  await device.start(flags);
  const start = () => {
    // As systemd does it: the file’s variable, and one argument of each word.
    const script = '. "$1"; exec "$2" $HAWSER_KUBELET_ARGS';
    const started = startProcess({
      ...{ name: 'kubelet', node: '/bin/sh', logFile: join(here.fleet.dir, 'kubelet.log') },
      args: ['-c', script, 'sh', join(device.dataDir, 'kubelet', 'kubelet.env'), machine.kubelet],
    });
    t.after(started.kill);
    return started;
  };
  let kubelet = start();

  await t.test('its Node is Ready, and containers find what they need', async () => {
    await nodeReady(kube, 'edge-1', WAIT_MS);
    await tenPods(t, life);
  });

  await t.test(
    'an agent that is killed and comes back after a while restarts no container, and the kubelet goes on',
    async () => {
      await withoutRestarts(async () => {
        const before = machine.kubelets();
        await device.process().kill();
        await edit('away');
        await device.start(flags);
        await everywhere('away');
        assert.deepEqual(machine.kubelets(), before);
      });
    },
  );

  await t.test('nor does a kubelet that is stopped and started', async () => {
    await withoutRestarts(async () => {
      const before = machine.kubelets();
      await kubelet.stop();
      kubelet = start();
      await anotherKubelet(before);
      await edit('again');
      await everywhere('again');
    });
  });
});
