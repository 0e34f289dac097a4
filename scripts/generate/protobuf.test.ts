import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { messageNamed } from '../../edge/src/api/protobuf/fields.ts';
import { FIELD_TABLE } from '../../edge/src/api/protobuf/table.ts';
import { POINTERS, SHOWN_EMPTY, VALUES } from './protobuf/presence.ts';
import { protobufTable } from './protobuf.ts';

const ROOT = join(import.meta.dirname, '../..');
const TYPES = join(ROOT, '../shared/kubernetes-types/types.json');
const COMMITTED = join(ROOT, 'edge/src/api/protobuf/table.ts');

it('the field table in the repository is the one that the generator makes', {
  skip: existsSync(TYPES) ? false : `no ${TYPES}: the table cannot be made anew here`,
}, () => {
  assert.equal(protobufTable(TYPES), readFileSync(COMMITTED, 'utf8'));
});

it('facts about presence are about fields that the table has', () => {
  for (const facts of [POINTERS, VALUES, SHOWN_EMPTY]) {
    for (const [name, fields] of Object.entries(facts)) {
      const known = messageNamed(name)?.fields.map((field) => field.name) ?? [];
      for (const field of fields.split(' ')) assert.ok(known.includes(field), `${name}.${field}`);
    }
  }
});

it('no message of the table holds itself, so that reading and writing end', () => {
  const open = new Set<string>();
  const done = new Set<string>();
  const visit = (name: string) => {
    assert.ok(!open.has(name), `${name} holds itself`);
    if (done.has(name)) return;
    open.add(name);
    for (const { type } of messageNamed(name)?.fields ?? []) if (typeof type !== 'string') visit(type.name);
    open.delete(name);
    done.add(name);
  };
  for (const line of FIELD_TABLE.trim().split('\n')) visit(line.split(' ', 1)[0] ?? '');
  assert.ok(done.size > 300);
});
