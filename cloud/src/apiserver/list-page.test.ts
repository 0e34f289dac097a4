import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { HawserError, resourceById } from '@hawser/protocol';
import { readFailure } from './answer.ts';
import { readListPage } from './list-page.ts';
import type { Observation } from './observe.ts';
import { failureOutcome } from './outcome.ts';

const RECORDINGS = new URL('../../../../shared/recordings/', import.meta.url);
const options = existsSync(RECORDINGS) ? {} : { skip: 'no recordings beside the project' };

interface Recording {
  readonly exchanges: readonly {
    readonly note: string;
    readonly response: {
      readonly status: number;
      readonly headers: Record<string, string>;
      readonly body?: {
        readonly kind?: string;
        readonly items?: readonly object[];
        readonly metadata?: { readonly continue?: string };
      };
    };
  }[];
}

function recorded(file: string): Recording['exchanges'] {
  const recording: Recording = JSON.parse(readFileSync(new URL(file, RECORDINGS), 'utf8'));
  return recording.exchanges;
}

const configMaps = resourceById('configmaps');
assert.ok(configMaps);

function readPage(text: string) {
  const observations: Observation[] = [];
  assert.ok(configMaps);
  const reader = readListPage(
    configMaps,
    () => true,
    (observation) => observations.push(observation),
  );
  reader.push(Buffer.from(text));
  return { observations, page: reader.end() };
}

test('pages of a real API server are read: every item, and the token of the next page', options, () => {
  let pages = 0;
  let tokens = 0;
  for (const { response } of [...recorded('02-list-pagination.json'), ...recorded('02-list-empty-and-unknown.json')]) {
    const { status, body } = response;
    if (status !== 200 || body?.kind !== 'ConfigMapList') continue;
    const { observations, page } = readPage(JSON.stringify(body));
    assert.equal(observations.length, body.items?.length);
    assert.ok(observations.every(({ type }) => type === 'observed'));
    assert.equal(page.continueToken ?? '', body.metadata?.continue ?? '');
    pages += 1;
    if (page.continueToken !== undefined) tokens += 1;
  }
  assert.ok(pages > 2 && tokens > 0, `${pages} pages, ${tokens} tokens`);
});

test('every 410 that a real API server gives for a list is an expiry', options, () => {
  const failures = [...recorded('02-list-continue-expired.json'), ...recorded('02-list-resource-version.json')]
    .filter(({ response }) => response.status === 410)
    .map(({ response }) => readFailure(response.status, response.headers, JSON.stringify(response.body), new Date()));
  assert.ok(failures.length > 0);
  for (const failure of failures) assert.deepEqual(failureOutcome(failure), { type: 'expired' });
});

test('null in the place of no items is an empty list', () => {
  const text = '{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":null}';
  assert.deepEqual(readPage(text), { observations: [], page: { resourceVersion: '7', continueToken: undefined } });
});

test('items that are neither an array nor null are no list', () => {
  for (const items of ['{}', '"a"', '7', 'true']) {
    const text = `{"kind":"ConfigMapList","metadata":{"resourceVersion":"7"},"items":${items}}`;
    assert.throws(() => readPage(text), HawserError, items);
  }
});

test('a kind that is no text, however deep, is no list', () => {
  const kind = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
  assert.throws(() => readPage(`{"kind":${kind},"metadata":{"resourceVersion":"7"},"items":[]}`), {
    code: 'malformed_object',
    message: /its kind is of type object$/,
  });
});
