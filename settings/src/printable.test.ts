import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printable } from './printable.ts';

test('nothing that a terminal acts on is left of a text: escapes of one and two bytes, line ends, directions', () => {
  assert.equal(printable('a\u001b[2Jb\u009b2Kc\rd\ne\u202ef\u0007'), 'a [2Jb 2Kc d e f ');
  assert.equal(printable('Bremen – Überseehafen, 9 €'), 'Bremen – Überseehafen, 9 €');
});
