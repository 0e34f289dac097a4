import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOptions, UsageError } from './options.ts';

test('each benchmark has its defaults', () => {
  assert.deepEqual(readOptions(['sync', '--json']), {
    benchmark: 'sync',
    json: true,
    seed: 1,
    profile: undefined,
    configMaps: 200,
    pods: 20,
    rounds: 5,
    idleSeconds: 60,
    cutSeconds: 5,
    drops: 7,
    standSeconds: 12,
  });
  assert.deepEqual(readOptions(['fanout', '--nodes', '10000', '--seed', '7', '--profile', 'out']), {
    benchmark: 'fanout',
    json: false,
    seed: 7,
    profile: 'out',
    nodes: 10_000,
    objects: 60,
    rounds: 10,
    workers: 2,
  });
});

test('the benchmark of upstream has two sets of defaults, and what is given replaces them', () => {
  const whole = {
    benchmark: 'upstream',
    json: false,
    seed: 1,
    profile: undefined,
    nodes: 2_000,
    pods: 50,
    statuses: 20_000,
    atATime: 5,
    singles: 200,
    events: 500,
    downSeconds: 10,
    workers: 2,
  };
  assert.deepEqual(readOptions(['upstream']), whole);
  const quick = { ...whole, nodes: 200, pods: 10, statuses: 4_000, singles: 50, events: 100, downSeconds: 2 };
  assert.deepEqual(readOptions(['upstream', '--quick']), quick);
  assert.deepEqual(readOptions(['upstream', '--nodes', '30', '--quick']), { ...quick, nodes: 30 });
});

test('help is no benchmark', () => {
  for (const args of [['--help'], ['-h'], ['sync', '--help'], ['fanout', '-h'], ['upstream', '-h'], ['agent', '--help']]) {
    assert.equal(readOptions(args), undefined, args.join(' '));
  }
});

test('what is wrong is named, with what would be right', () => {
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /which benchmark/],
    [['speed'], /no benchmark speed/],
    [['sync', '--nodes', '5'], /--nodes/],
    [['fanout', '--nodes', '0'], /--nodes is a whole number from 1 to 20000, not 0/],
    [['fanout', '--nodes', '5e3'], /not 5e3/],
    [['sync', '--rounds', '1.5'], /not 1\.5/],
    [['sync', 'extra'], /extra/],
    [['sync', '--quick'], /--quick/],
    [['upstream', '--events', '39'], /--events is a whole number from 40/],
    [['sync', '--seed', '-1'], /--seed/],
  ];
  for (const [args, message] of wrong) {
    assert.throws(
      () => readOptions(args),
      (error) => error instanceof UsageError && message.test(error.message),
      args.join(' '),
    );
  }
});
