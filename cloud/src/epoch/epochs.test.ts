import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { ManualClock } from '../downstream/testing/manual-clock.ts';
import { Epochs } from './epochs.ts';

const REFLECTOR = { type: 'reflector' } as const;
const agent = (node: string) => ({ type: 'agent', node }) as const;

function setUp() {
  const clock = new ManualClock();
  const begun: number[] = [];
  const epochs = new Epochs({ clock, logger: pino({ level: 'silent' }), onBegin: (epoch) => begun.push(epoch) });
  return { clock, begun, epochs };
}

test('one restoration is one epoch, however many notice it and until all was listed anew', () => {
  const { epochs, begun } = setUp();
  assert.equal(epochs.restored(REFLECTOR, 'pods'), true);
  assert.equal(epochs.restored(REFLECTOR, 'secrets'), false);
  assert.equal(epochs.restored(agent('edge-1'), 'pods'), false);
  assert.deepEqual(epochs.meet('edge-2', 2), { type: 'met' });
  epochs.listedAnew(1);
  assert.equal(epochs.restored(REFLECTOR, 'nodes'), false, 'the word was of an earlier epoch');
  epochs.listedAnew(2);
  assert.deepEqual([epochs.current, epochs.restorations, begun], [2, 1, [2]]);
  assert.equal(epochs.restored(REFLECTOR, 'pods'), true);
  assert.deepEqual(begun, [2, 3]);
});

test('a higher epoch of an agent is taken over, also while another one is being listed', () => {
  const { epochs, begun } = setUp();
  assert.deepEqual(epochs.meet('edge-1', 1), { type: 'met' });
  assert.deepEqual(begun, []);
  assert.deepEqual(epochs.meet('edge-1', 4), { type: 'met' });
  assert.deepEqual(epochs.meet('edge-2', 5), { type: 'met' });
  epochs.listedAnew(4);
  assert.equal(epochs.restored(REFLECTOR, 'pods'), false);
  assert.deepEqual(begun, [4, 5]);
});

test('a device that makes epochs up is refused after the first, and others are not', () => {
  const { epochs, begun, clock } = setUp();
  epochs.restored(agent('edge-1'), 'pods');
  epochs.listedAnew(2);
  assert.equal(epochs.restored(agent('edge-1'), 'pods'), false);
  assert.equal(epochs.restored(agent('edge-2'), 'pods'), true);
  epochs.listedAnew(3);
  clock.advance(60 * 60_000);
  assert.equal(epochs.restored(agent('edge-1'), 'pods'), true);
  assert.deepEqual(begun, [2, 3, 4]);
});

test('a device that brings a far epoch moves this relay a step and no further, and locks nobody out', () => {
  const { epochs, begun } = setUp();
  assert.equal(epochs.meet('edge-1', Number.MAX_SAFE_INTEGER).type, 'refused');
  epochs.listedAnew(epochs.current);
  assert.equal(epochs.meet('edge-1', Number.MAX_SAFE_INTEGER).type, 'refused', 'within the hour it changes nothing');
  assert.deepEqual(begun, [1_001]);
  assert.equal(epochs.meet('edge-2', 1_002).type, 'met');
});

test('a device that brought a later epoch may hold what a second restoration has lost, and neither twice', () => {
  const { epochs, begun } = setUp();
  epochs.meet('edge-1', 2);
  epochs.listedAnew(2);
  assert.equal(epochs.restored(agent('edge-1'), 'pods'), true);
  epochs.listedAnew(3);
  assert.equal(epochs.restored(agent('edge-1'), 'pods'), false);
  assert.equal(epochs.meet('edge-1', 4).type, 'refused');
  assert.deepEqual(begun, [2, 3]);
});

test('a clock that is set back makes nobody wait longer than the interval', () => {
  const { epochs, clock } = setUp();
  epochs.meet('edge-1', 2);
  epochs.listedAnew(2);
  clock.set(-24 * 3_600_000);
  assert.deepEqual(epochs.meet('edge-1', 3), { type: 'met' });
});
