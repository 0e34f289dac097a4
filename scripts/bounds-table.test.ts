import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BOUNDS } from '@hawser/cloud';

const page = readFileSync(join(import.meta.dirname, '..', 'docs/security.md'), 'utf8');

test('each bound that the relay counts has its row in docs/security.md, and each row counts', () => {
  const [, relay = ''] = page.split('### What the relay takes');
  const [table = ''] = relay.split('\n### ');
  const rows = [...table.matchAll(/^\| `([\w.]+)` \|/gm)].map(([, name = '']) => name);
  assert.deepEqual(rows.sort(), [...BOUNDS].sort());
});
