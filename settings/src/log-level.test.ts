import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { createLogLevelControl } from './log-level.ts';

function logged(configured: 'info' | 'fatal' = 'info') {
  const lines: string[] = [];
  const said: Record<string, unknown>[] = [];
  const write = (line: string) => {
    said.push(JSON.parse(line));
    lines.push(JSON.parse(line).msg);
  };
  const logger = pino({ level: configured }, { write });
  return { logger, lines, said, control: createLogLevelControl(logger, configured) };
}

test('a level that is set holds for the logger and for all that came of it, before and after', () => {
  const { logger, lines, control } = logged();
  const before = logger.child({ component: 'a' }).child({ link: 1 });
  before.debug('unheard');
  assert.deepEqual(control.set('debug'), { level: 'debug', configured: 'info' });
  before.debug('of the child of a child');
  logger.child({ component: 'b' }).debug('of a later child');
  assert.deepEqual(control.set('configured'), { level: 'info', configured: 'info' });
  before.debug('unheard');
  assert.deepEqual(lines, ['log level changed', 'of the child of a child', 'of a later child', 'log level changed']);
});

test('the change is said whatever the levels are, once, with who wants it', () => {
  const { logger, lines, said, control } = logged('fatal');
  control.set('error', 'ann');
  control.set('error', 'bob');
  logger.warn('unheard');
  control.set('configured');
  assert.deepEqual(lines, ['log level changed', 'log level changed']);
  assert.deepEqual(
    said.map(({ from, to, by }) => [from, to, by]),
    [
      ['fatal', 'error', 'ann'],
      ['error', 'fatal', undefined],
    ],
  );
});
