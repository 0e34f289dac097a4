import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { QUERY_TABLE, type QueryRule } from '@hawser/protocol';

const PAGE = join(import.meta.dirname, '..', 'docs', 'upstream.md');

/** The row of docs/upstream.md for one kind of question. */
function rowOf({ type, resource, subresource, rights, from, kept, offlineSeconds }: QueryRule): string {
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  const source = from === 'cache' ? "relay's cache" : 'API server';
  const time = offlineSeconds === undefined ? 'without an end' : `${offlineSeconds / 3600} h`;
  const offline = !kept ? 'no' : type === 'submit' ? 'see [Tokens](#tokens)' : time;
  return `| \`${what}\` | ${type} | ${rights === 'node' ? 'the node' : 'the relay'} | ${source} | ${offline} |`;
}

test('the query table in docs/upstream.md is the one that both sides go by', () => {
  const lines = readFileSync(PAGE, 'utf8').split('\n');
  const head = lines.indexOf('| question about | | with the rights of | from | serves without the link |');
  assert.ok(head > 0, 'the table is there');
  const rest = lines.slice(head + 2);
  const rows = rest.slice(
    0,
    rest.findIndex((line) => !line.startsWith('|')),
  );
  assert.deepEqual(rows, QUERY_TABLE.map(rowOf));
});
