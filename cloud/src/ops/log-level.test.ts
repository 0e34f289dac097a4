import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from './log-level.ts';

test('a change of level holds for children that there were before, and is said at every level', () => {
  const lines: Record<string, unknown>[] = [];
  const { logger, level } = createLogger('info', { write: (line) => void lines.push(JSON.parse(line)) });
  const child = logger.child({ node: 'edge-1' });
  child.debug('not yet');
  level.change('debug', 'ann');
  child.debug('now');
  child.trace('never');
  level.change('error', 'ann');
  child.warn('not any more');
  level.change('fatal', 'ann');
  child.error('nor this');
  level.change(level.set, 'ann');
  child.info('again');
  assert.deepEqual(
    lines.map(({ msg, to }) => to ?? msg),
    ['debug', 'now', 'error', 'fatal', 'info', 'again'],
  );
  assert.deepEqual([lines[1]?.node, lines[0]?.by, lines[0]?.level], ['edge-1', 'ann', 'info']);
  assert.equal(level.current(), 'info');
});
