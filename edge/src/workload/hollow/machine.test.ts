import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import fc from 'fast-check';
import { restartDelay } from './container.ts';
import { EXIT_ANNOTATION, exitOf } from './exit-plan.ts';
import { jsonOf } from './fields.ts';
import { nextDue, step } from './machine.ts';
import type { Lookup } from './needs.ts';
import { podSpecOf } from './pod-spec.ts';
import { admitted, type PodState } from './pod-state.ts';
import { statusOf } from './pod-status.ts';
import { restored } from './restore.ts';
import { DEFAULT_TIMINGS } from './timings.ts';

const START = Date.parse('2026-01-01T00:00:00Z');

type Manifest = Record<string, unknown>;

function pod(spec: Manifest, annotations: Record<string, string> = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'app', namespace: 'shop', uid: 'u-1', generation: 1, annotations },
    spec: { nodeName: 'edge-1', containers: [{ name: 'main', image: 'i' }], ...spec },
    status: { phase: 'Pending', qosClass: 'BestEffort' },
  };
}

/** A pod on a node, moved through time by hand; `objects` maps `configmaps/NAME` to keys. */
function simulate(given: KubeObject, objects: Record<string, string[]> = {}, mayHaveTokens = true) {
  let object = given;
  let now = START;
  let state: PodState | undefined;
  let hasTokens = mayHaveTokens;
  const held = new Map(Object.entries(objects).map(([id, keys]) => [id, new Set(keys)] as const));
  const lookup: Lookup = (resource, name) => held.get(`${resource}/${name}`);

  function settle() {
    const spec = podSpecOf(object);
    const before = state ?? restored(spec, jsonOf(object.status), DEFAULT_TIMINGS, now);
    state = step(before, { pod: spec, now, lookup, hasTokens, timings: DEFAULT_TIMINGS });
    const current = jsonOf(object.status);
    const status = statusOf({ pod: spec, state, current, now: new Date(now), hostIp: '192.0.2.1', podIp: '10.88.0.9' });
    object = { ...object, status };
    return state;
  }
  settle();
  return {
    held,
    /** Everything that happens by itself within that time. */
    pass(milliseconds: number) {
      const until = now + milliseconds;
      for (;;) {
        const current = state ?? assert.fail('not settled');
        const due = nextDue(current, podSpecOf(object), now);
        if (due === undefined || due > until) break;
        now = due;
        settle();
      }
      now = until;
      settle();
    },
    settle,
    tokens(areThere: boolean) {
      hasTokens = areThere;
      settle();
    },
    remove() {
      object = { ...object, metadata: { ...object.metadata, generation: 2, deletionTimestamp: '2026-01-01T01:00:00Z' } };
      settle();
    },
    restart() {
      state = undefined;
      settle();
    },
    stage: () => state?.stage.name,
    status: () => jsonOf(object.status),
    condition(type: string) {
      const { conditions } = jsonOf(object.status);
      const found = Array.isArray(conditions) ? conditions.map(jsonOf).find((condition) => condition.type === type) : undefined;
      return found ?? assert.fail(`no condition ${type}`);
    },
    container(name: string, field = 'containerStatuses') {
      const statuses = jsonOf(object.status)[field];
      const found = Array.isArray(statuses) ? statuses.map(jsonOf).find((status) => status.name === name) : undefined;
      return found ?? assert.fail(`no container ${name}`);
    },
  };
}

const ENV = { containers: [{ name: 'main', image: 'i', envFrom: [{ configMapRef: { name: 'settings' } }] }] };

test('a pod comes up: ContainerCreating, then the sandbox, then Running and Ready', () => {
  const { pass, status, condition, container } = simulate(pod({}));
  assert.equal(status().phase, 'Pending');
  assert.deepEqual(container('main').state, { waiting: { reason: 'ContainerCreating' } });
  assert.equal(condition('PodReadyToStartContainers').status, 'False');
  assert.equal(condition('Initialized').status, 'True');
  assert.equal(condition('Ready').message, 'containers with unready status: [main]');
  assert.equal(status().podIP, undefined);
  pass(150);
  assert.equal(condition('PodReadyToStartContainers').status, 'True');
  assert.equal(status().phase, 'Pending');
  pass(100);
  assert.equal(status().phase, 'Running');
  assert.equal(status().podIP, '10.88.0.9');
  assert.equal(condition('Ready').status, 'True');
  assert.deepEqual(
    ['ready', 'started', 'restartCount'].map((field) => container('main')[field]),
    [true, true, 0],
  );
  assert.equal(status().qosClass, 'BestEffort');
});

test('readiness waits for the first good probe', () => {
  const probe = { readinessProbe: { initialDelaySeconds: 5 }, startupProbe: { initialDelaySeconds: 2 } };
  const { pass, status, condition, container } = simulate(pod({ containers: [{ name: 'main', image: 'i', ...probe }] }));
  pass(1_000);
  assert.deepEqual([status().phase, container('main').started, container('main').ready], ['Running', false, false]);
  pass(2_000);
  assert.deepEqual([container('main').started, condition('Ready').status], [true, 'False']);
  pass(5_000);
  assert.deepEqual([container('main').ready, condition('Ready').status], [true, 'True']);
});

test('a missing ConfigMap of the environment is told as the kubelet tells it, and its arrival is enough', () => {
  const { pass, status, container, held, settle } = simulate(pod(ENV));
  pass(60_000);
  assert.equal(status().phase, 'Pending');
  assert.deepEqual(container('main').state, {
    waiting: { reason: 'CreateContainerConfigError', message: 'configmap "settings" not found' },
  });
  held.set('configmaps/settings', new Set(['a']));
  settle();
  pass(1_000);
  assert.equal(status().phase, 'Running');
});

const missing: [string, Manifest, Record<string, string[]>, string | undefined][] = [
  ['a Secret', { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] }, {}, 'secret "s" not found'],
  [
    'a key of a Secret',
    { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] },
    { 'secrets/s': ['other'] },
    "couldn't find key k in Secret shop/s",
  ],
  [
    'a key of a ConfigMap',
    { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } } }] },
    { 'configmaps/c': [] },
    "couldn't find key k in ConfigMap shop/c",
  ],
  [
    'an optional key',
    { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'c', key: 'k', optional: true } } }] },
    {},
    undefined,
  ],
  ['an optional ConfigMap', { envFrom: [{ configMapRef: { name: 'c', optional: true } }] }, {}, undefined],
  ['nothing', { envFrom: [{ secretRef: { name: 's' } }] }, { 'secrets/s': [] }, undefined],
];
for (const [what, fields, objects, message] of missing) {
  test(`the environment lacks ${what}: ${message ?? 'the container runs'}`, () => {
    const { pass, container } = simulate(pod({ containers: [{ name: 'main', image: 'i', ...fields }] }), objects);
    pass(10_000);
    const { waiting } = jsonOf(container('main').state);
    assert.equal(jsonOf(waiting).message, message);
  });
}

test('a missing volume keeps the whole pod in ContainerCreating, without a sandbox', () => {
  const volumes = [
    { name: 'a', configMap: { name: 'c', items: [{ key: 'k', path: 'p' }] } },
    { name: 'b', projected: { sources: [{ secret: { name: 's' } }, { configMap: { name: 'maybe', optional: true } }] } },
    { name: 'c', secret: { secretName: 't', optional: true } },
  ];
  const { pass, status, container, condition, held, settle } = simulate(pod({ volumes }), { 'configmaps/c': ['other'] });
  const isWaiting = () => {
    pass(60_000);
    assert.deepEqual(container('main').state, { waiting: { reason: 'ContainerCreating' } });
    assert.equal(condition('PodReadyToStartContainers').status, 'False');
  };
  isWaiting();
  held.set('secrets/s', new Set());
  settle();
  isWaiting();
  held.set('configmaps/c', new Set(['k']));
  settle();
  pass(1_000);
  assert.equal(status().phase, 'Running');
});

test('init containers run in order, before the others', () => {
  const names: string[] = [];
  const { pass, container, status, condition } = simulate(
    pod({ initContainers: [{ name: 'one' }, { name: 'two' }, { name: 'helper', restartPolicy: 'Always' }] }),
  );
  assert.equal(condition('Initialized').message, 'containers with incomplete status: [one two helper]');
  for (let tick = 0; tick < 200; tick++) {
    pass(10);
    for (const name of ['one', 'two', 'helper']) {
      if (jsonOf(container(name, 'initContainerStatuses').state).running !== undefined && !names.includes(name)) names.push(name);
    }
    if (jsonOf(container('main').state).running === undefined) {
      assert.deepEqual(container('main').state, { waiting: { reason: 'PodInitializing' } });
    } else if (!names.includes('main')) names.push('main');
  }
  assert.deepEqual(names, ['one', 'two', 'helper', 'main']);
  assert.equal(status().phase, 'Running');
  assert.equal(jsonOf(jsonOf(container('one', 'initContainerStatuses').state).terminated).reason, 'Completed');
  assert.equal(container('one', 'initContainerStatuses').ready, true);
  assert.equal(container('helper', 'initContainerStatuses').ready, true);
  assert.equal(condition('Initialized').status, 'True');
});

const ends: [string, string, string, string][] = [
  ['Never', '0@1s', 'Succeeded', 'PodCompleted'],
  ['Never', '3@1s', 'Failed', 'PodFailed'],
  ['OnFailure', '0@1s', 'Succeeded', 'PodCompleted'],
];
for (const [restartPolicy, plan, phase, reason] of ends) {
  test(`restartPolicy ${restartPolicy} and exit ${plan} end in ${phase}, sidecars too`, () => {
    const initContainers = [{ name: 'helper', restartPolicy: 'Always' }];
    const { pass, status, condition, container, stage } = simulate(
      pod({ restartPolicy, initContainers }, { [EXIT_ANNOTATION]: plan }),
    );
    pass(5_000);
    assert.deepEqual([status().phase, condition('Ready').reason, stage()], [phase, reason, 'finished']);
    const { terminated } = jsonOf(container('main').state);
    assert.equal(jsonOf(terminated).exitCode, Number(plan[0]));
    assert.ok(jsonOf(container('helper', 'initContainerStatuses').state).terminated);
  });
}

test('a failed container is started again: at once, then after 10 s, 20 s … as CrashLoopBackOff', () => {
  const { pass, status, container } = simulate(pod({ restartPolicy: 'OnFailure' }, { [EXIT_ANNOTATION]: 'main=1@1s' }));
  pass(2_000);
  assert.deepEqual([container('main').restartCount, status().phase], [1, 'Running']);
  pass(1_000);
  const { waiting } = jsonOf(container('main').state);
  assert.equal(jsonOf(waiting).reason, 'CrashLoopBackOff');
  assert.equal(jsonOf(waiting).message, 'back-off 10s restarting failed container=main pod=app_shop(u-1)');
  assert.equal(jsonOf(jsonOf(container('main').lastState).terminated).exitCode, 1);
  pass(10_000);
  assert.equal(container('main').restartCount, 2);
  pass(15_000);
  assert.equal(container('main').restartCount, 2);
  pass(10_000);
  assert.equal(container('main').restartCount, 3);
  assert.deepEqual(
    [0, 1, 2, 3, 6, 60].map((count) => restartDelay(count, 1_000)),
    [0, 10_000, 20_000, 40_000, 300_000, 300_000],
  );
  assert.equal(restartDelay(9, 600_000), 0);
});

test('a pod of several containers ends with its last one, Failed when one failed', () => {
  const containers = [{ name: 'a' }, { name: 'b' }];
  const { pass, status } = simulate(pod({ restartPolicy: 'Never', containers }, { [EXIT_ANNOTATION]: 'a=1@1s, b=0@3s' }));
  pass(2_000);
  assert.equal(status().phase, 'Running');
  pass(2_000);
  assert.equal(status().phase, 'Failed');
});

test('a deleted pod stops its containers and may then go', () => {
  const { pass, remove, status, stage, condition, container } = simulate(pod({}));
  pass(1_000);
  remove();
  assert.deepEqual(
    [stage(), status().phase, status().observedGeneration, condition('Ready').status],
    ['stopping', 'Running', 2, 'True'],
  );
  pass(200);
  assert.deepEqual([stage(), status().phase], ['stopped', 'Succeeded']);
  assert.deepEqual([condition('Ready').status, condition('Ready').reason], ['False', 'PodCompleted']);
  assert.equal(condition('PodReadyToStartContainers').status, 'False');
  assert.equal(jsonOf(jsonOf(container('main').state).terminated).exitCode, 0);
});

test('a pod that is deleted before it ran goes at once, and did not succeed', () => {
  const { remove, pass, status, stage, container } = simulate(pod(ENV));
  pass(1_000);
  remove();
  assert.deepEqual([stage(), status().phase], ['stopped', 'Failed']);
  assert.equal(jsonOf(jsonOf(container('main').state).terminated).reason, 'ContainerStatusUnknown');
});

test('a finished pod that is deleted goes at once and keeps its phase', () => {
  const { remove, pass, status, stage } = simulate(pod({ restartPolicy: 'Never' }, { [EXIT_ANNOTATION]: '0@1s' }));
  pass(5_000);
  remove();
  assert.deepEqual([stage(), status().phase], ['stopped', 'Succeeded']);
});

test('after a restart of the agent running containers go on as they were', () => {
  const { pass, restart, status } = simulate(pod({ initContainers: [{ name: 'one' }] }));
  pass(5_000);
  const before = status();
  restart();
  pass(60_000);
  assert.deepEqual(status(), before);
});

test('after a restart of the agent a Job goes on to its end, and a crash loop goes on', () => {
  const job = simulate(pod({ restartPolicy: 'Never' }, { [EXIT_ANNOTATION]: '0@10s' }));
  job.pass(5_000);
  job.restart();
  job.pass(2_000);
  assert.equal(job.status().phase, 'Running');
  job.pass(5_000);
  assert.equal(job.status().phase, 'Succeeded');
  const loop = simulate(pod({}, { [EXIT_ANNOTATION]: '1@1s' }));
  loop.pass(4_000);
  const { restartCount } = loop.container('main');
  loop.restart();
  loop.pass(500);
  assert.equal(loop.container('main').restartCount, Number(restartCount) + 1);
});

test('a condition that the cloud has overwritten is said anew, one that others own is kept', () => {
  const given = pod({ readinessGates: [{ conditionType: 'example.org/ok' }] });
  const { pass, condition, status } = simulate({
    ...given,
    status: { conditions: [{ type: 'example.org/ok', status: 'False' }] },
  });
  pass(1_000);
  assert.equal(condition('Ready').message, 'the status of pod readiness gate "example.org/ok" is not "True", but False');
  assert.equal(condition('example.org/ok').status, 'False');
  const conditions = [
    { type: 'example.org/ok', status: 'True' },
    { type: 'Ready', status: 'False', reason: 'NodeNotReady', lastTransitionTime: '2026-01-01T00:00:30Z' },
  ];
  const again = simulate({ ...given, status: { ...status(), conditions } });
  assert.deepEqual([again.condition('Ready').status, again.condition('Ready').reason], ['True', undefined]);
  assert.equal(again.condition('Ready').lastTransitionTime, '2026-01-01T00:00:00Z');
});

test('transition times change only with the status', () => {
  const { pass, remove, condition } = simulate(pod({}));
  pass(10_000);
  const ready = condition('Ready').lastTransitionTime;
  pass(3_600_000);
  assert.equal(condition('Ready').lastTransitionTime, ready);
  remove();
  pass(5_000);
  assert.notEqual(condition('Ready').lastTransitionTime, ready);
  assert.equal(condition('PodScheduled').lastTransitionTime, '2026-01-01T00:00:00Z');
});

test('plans of exits are read by their grammar, and what is none does nothing', () => {
  const plan = (text: string, container = 'main') => exitOf({ [EXIT_ANNOTATION]: text }, container);
  assert.deepEqual(plan('0@5s'), { code: 0, afterMs: 5_000 });
  assert.deepEqual(plan('a=1@200ms, main=2@1m'), { code: 2, afterMs: 60_000 });
  for (const nonsense of ['', '0', '@5s', '256@5s', '-1@5s', '0@5', '0@5d', 'other=0@5s', '0@99999999999s', 'main=0@ 5s']) {
    assert.equal(plan(nonsense), undefined, nonsense);
  }
});

// Random pods on random schedules.

const name = fc.constantFrom('a', 'b', 'c');
const reference = fc.record({ configMapRef: fc.record({ name, optional: fc.boolean() }) });
const container = fc.record({ envFrom: fc.array(reference, { maxLength: 2 }) });
const named = (prefix: string, most: number, least = 0) =>
  fc
    .array(container, { minLength: least, maxLength: most })
    .map((list) => list.map((fields, index) => ({ name: `${prefix}${index}`, image: 'i', ...fields })));
const anyPod = fc
  .record({
    restartPolicy: fc.constantFrom('Always', 'OnFailure', 'Never'),
    containers: named('c', 3, 1),
    initContainers: named('i', 2),
    volumes: fc.array(
      name.map((held) => ({ name: held, configMap: { name: held } })),
      { maxLength: 1 },
    ),
    exit: fc.constantFrom('', '0@1s', '1@500ms', 'c0=0@2s,c1=7@1s', '0@0s'),
  })
  .map(({ exit, ...spec }) => pod(spec, { [EXIT_ANNOTATION]: exit }));
const event = fc.oneof(
  fc.record({ type: fc.constant('time' as const), ms: fc.integer({ min: 0, max: 20_000 }) }),
  fc.record({ type: fc.constantFrom('add' as const, 'take' as const), name }),
  fc.record({ type: fc.constant('restart' as const) }),
);

test('whatever happens: ready only when running, restarts never fall, final phases stay, a second look changes nothing', () => {
  fc.assert(
    fc.property(anyPod, fc.array(event, { maxLength: 25 }), (given, events) => {
      const simulated = simulate(given);
      let final: unknown;
      const counts = new Map<string, number>();
      for (const happened of events) {
        if (happened.type === 'time') simulated.pass(happened.ms);
        else if (happened.type === 'restart') simulated.restart();
        else if (happened.type === 'add') simulated.held.set(`configmaps/${happened.name}`, new Set());
        else simulated.held.delete(`configmaps/${happened.name}`);
        const state = simulated.settle();
        assert.equal(simulated.settle(), state);
        const { phase, containerStatuses } = simulated.status();
        if (final !== undefined) assert.equal(phase, final);
        if (phase === 'Succeeded' || phase === 'Failed') final = phase;
        for (const status of Array.isArray(containerStatuses) ? containerStatuses.map(jsonOf) : []) {
          const { running } = jsonOf(status.state);
          if (status.ready === true) assert.ok(running, 'ready without running');
          if (simulated.condition('Ready').status === 'True') assert.ok(status.ready, 'a Ready pod with an unready container');
          const restarts = Number(status.restartCount);
          assert.ok(restarts >= (counts.get(String(status.name)) ?? 0));
          counts.set(String(status.name), restarts);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('whatever happened before: a pod whose objects are there and that is to run on ends up Running, and when deleted it goes', () => {
  fc.assert(
    fc.property(anyPod, fc.array(event, { maxLength: 15 }), (given, events) => {
      const simulated = simulate(given);
      for (const happened of events) {
        if (happened.type === 'time') simulated.pass(happened.ms);
        else if (happened.type === 'restart') simulated.restart();
        else if (happened.type === 'add') simulated.held.set(`configmaps/${happened.name}`, new Set());
        else simulated.held.delete(`configmaps/${happened.name}`);
        simulated.settle();
      }
      for (const held of ['a', 'b', 'c']) simulated.held.set(`configmaps/${held}`, new Set());
      simulated.settle();
      simulated.pass(10_000);
      const { metadata, spec } = given;
      const runsOn = metadata.annotations?.[EXIT_ANNOTATION] === '' || jsonOf(spec).restartPolicy === 'Always';
      if (runsOn) assert.equal(simulated.status().phase, 'Running');
      simulated.remove();
      simulated.pass(1_000);
      assert.equal(simulated.stage(), 'stopped');
    }),
    { numRuns: 300 },
  );
});

test('what a new pod is given is the same as what is read back from its own first report', () => {
  fc.assert(
    fc.property(anyPod, (given) => {
      const spec = podSpecOf(given);
      const state = admitted(spec, START);
      const status = statusOf({ pod: spec, state, current: {}, now: new Date(START), hostIp: 'h', podIp: 'p' });
      assert.deepEqual(restored(spec, status, DEFAULT_TIMINGS, START + 5_000), state);
    }),
  );
});

test('a pod waits for its tokens as for its other volumes, and once it runs it runs on without', () => {
  const app = simulate(pod({}), {}, false);
  app.pass(3_600_000);
  assert.equal(app.stage(), 'mounting');
  assert.equal(app.status().phase, 'Pending');
  assert.match(JSON.stringify(app.status().containerStatuses), /"waiting":\{"reason":"ContainerCreating"\}/);
  app.tokens(true);
  app.pass(DEFAULT_TIMINGS.sandboxMs + DEFAULT_TIMINGS.containerMs);
  assert.equal(app.status().phase, 'Running');
  app.tokens(false);
  app.restart();
  assert.equal(app.status().phase, 'Running', 'a restart of the agent starts no container again');
});

test('a pod that is deleted before its tokens came goes', () => {
  const app = simulate(pod({}), {}, false);
  app.remove();
  assert.equal(app.stage(), 'stopped');
});
