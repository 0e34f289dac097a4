import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createKlogReader } from './klog.ts';

test('levels of klog become those of the agent’s log, with the place that says it', () => {
  const read = createKlogReader();
  const line = (letter: string) => read(`${letter}1123 14:08:35.123456   12345 kubelet.go:2407] "Skipping pod" err="not ready"`);
  assert.deepEqual(line('I'), { level: 'info', source: 'kubelet.go:2407', text: '"Skipping pod" err="not ready"' });
  assert.deepEqual(
    ['W', 'E', 'F'].map((letter) => line(letter).level),
    ['warn', 'error', 'fatal'],
  );
});

test('lines without a header belong to the one before', () => {
  const read = createKlogReader();
  assert.deepEqual(read('Flag --v has been given'), { level: 'info', source: undefined, text: 'Flag --v has been given' });
  read('E1123 14:08:35.123456       1 a.go:1] bad');
  assert.equal(read('  and more of it').level, 'error');
  read('I1123 14:08:35.123456       1 a.go:1] good');
  assert.equal(read('more').level, 'info');
});

test('last words of Go and of the command line are errors', () => {
  for (const words of [
    'panic: runtime error: index out of range',
    'fatal error: all goroutines are asleep',
    'Error: unknown flag: --x',
  ]) {
    const read = createKlogReader();
    read('I1123 14:08:35.123456       1 a.go:1] good');
    assert.equal(read(words).level, 'error');
    assert.equal(read('goroutine 1 [running]:').level, 'error');
  }
});

test('what only looks like a header is text', () => {
  for (const text of [
    'I',
    'Information',
    'X1123 14:08:35.123456 1 a.go:1] x',
    'I1123 14:08:35 1 a.go:1] x',
    '{"ts":1,"msg":"x"}',
  ]) {
    assert.deepEqual(createKlogReader()(text), { level: 'info', source: undefined, text });
  }
});
