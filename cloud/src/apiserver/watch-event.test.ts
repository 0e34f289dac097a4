import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { type ApiResource, HawserError, resourceById } from '@hawser/protocol';
import { readWatchEvent } from './watch-event.ts';

function resource(id: string): ApiResource {
  const found = resourceById(id);
  assert.ok(found);
  return found;
}

const wantsText = () => true;
const read = (line: string, id = 'secrets') => readWatchEvent(resource(id), Buffer.from(line), wantsText);

describe('a line of a watch', () => {
  test('an added object, with the text as it came', () => {
    const object = '{"metadata":{"name":"a","namespace":"web","uid":"U","resourceVersion":"12"},"data":{"k":"dg=="},"n":1.50}';
    assert.deepEqual(read(`{"type":"ADDED","object":${object}}`), {
      type: 'upsert',
      observation: {
        type: 'observed',
        object: {
          key: 'secrets/web/a',
          uid: 'U',
          resourceVersion: '12',
          text: object,
          type: { apiVersion: 'v1', kind: 'Secret' },
        },
      },
    });
  });

  test('the object before the type, metadata last, and a cluster-scoped one', () => {
    const event = read(
      '{"object":{"spec":{"metadata":{"name":"no"}},"metadata":{"resourceVersion":"5","uid":"U","name":"n"}},"type":"DELETED"}',
      'nodes',
    );
    assert.deepEqual(event, { type: 'delete', head: { key: 'nodes//n', uid: 'U', resourceVersion: '5' } });
  });

  test('an object without uid, or with a resourceVersion that is no number, is named but not read', () => {
    const reason = (metadata: string) => {
      const event = read(`{"type":"MODIFIED","object":{"metadata":{"name":"a","namespace":"w"${metadata}}}}`);
      assert.ok(event.type === 'upsert' && event.observation.type === 'unreadable');
      assert.equal(event.observation.key, 'secrets/w/a');
      return event.observation.reason;
    };
    assert.match(reason(',"resourceVersion":"1"'), /no metadata.uid/);
    assert.match(reason(',"uid":"U","resourceVersion":"abc"'), /resourceVersion/);
    assert.match(reason(',"uid":"U","resourceVersion":7'), /resourceVersion/);
    assert.match(reason(',"uid":"U"'), /resourceVersion/);
  });

  test('bytes that are no UTF-8 make an object unreadable', () => {
    const [before, after] = [
      '{"type":"ADDED","object":{"metadata":{"name":"a","namespace":"w","uid":"U","resourceVersion":"1"},"x":"',
      '"}}',
    ];
    const line = Buffer.concat([Buffer.from(before), Buffer.of(0xff), Buffer.from(after)]);
    const event = readWatchEvent(resource('secrets'), line, wantsText);
    assert.ok(event.type === 'upsert' && event.observation.type === 'unreadable');
  });

  test('what cannot be understood is an error', () => {
    for (const line of [
      '',
      'x',
      '{}',
      '{"type":"ADDED"}',
      '{"type":"NEWS","object":{}}',
      '{"type":"ADDED","object":null}',
      '{"type":"ADDED","object":{}}',
      '{"type":"ADDED","object":{"metadata":{"namespace":"w","uid":"U","resourceVersion":"1"}}}',
      '{"type":"ADDED","object":{"metadata":{"name":"a/b","namespace":"w","uid":"U","resourceVersion":"1"}}}',
      '{"type":"ADDED","object":{"metadata":{"name":"a","uid":"U","resourceVersion":"1"}}}',
      '{"type":"DELETED","object":{"metadata":{"name":"a","namespace":"w"}}}',
      '{"type":"BOOKMARK","object":{"metadata":{}}}',
      `{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"1","x":"${'y'.repeat(100_000)}"}}}`,
      '{"type":"ADDED","object":{"metadata":{"name":"a"',
    ]) {
      assert.throws(() => read(line), HawserError, line.slice(0, 100));
    }
  });
});

const RECORDINGS = new URL('../../../../shared/recordings/', import.meta.url);

interface Recording {
  readonly exchanges: readonly {
    readonly request: { readonly path: string };
    readonly response: { readonly events?: readonly { readonly line: unknown }[] };
  }[];
}

describe('lines recorded from a real API server', () => {
  const isThere = existsSync(RECORDINGS);
  const lines = (file: string) => {
    const recording: Recording = JSON.parse(readFileSync(new URL(file, RECORDINGS), 'utf8'));
    return recording.exchanges.flatMap(({ response }) =>
      (response.events ?? []).map(({ line }) => (typeof line === 'string' ? line : JSON.stringify(line))),
    );
  };
  const options = isThere ? {} : { skip: 'no recordings beside the project' };

  test('basic watches, bookmarks and streaming lists are read', options, () => {
    const types = new Map<string, number>();
    let ends = 0;
    for (const file of [
      '03-watch-basic.json',
      '03-watch-bookmarks.json',
      '03-watch-list.json',
      '03-watch-delete-recreate.json',
    ]) {
      for (const line of lines(file)) {
        const event = read(line, 'configmaps');
        types.set(event.type, (types.get(event.type) ?? 0) + 1);
        if (event.type === 'bookmark' && event.endsInitialEvents) ends += 1;
        if (event.type === 'upsert') assert.equal(event.observation.type, 'observed');
      }
    }
    for (const type of ['upsert', 'delete', 'bookmark']) assert.ok((types.get(type) ?? 0) > 0, `no ${type}`);
    assert.ok(ends > 0, 'no end of initial events');
  });

  test('a too old resourceVersion is an error with code 410 and reason Expired', options, () => {
    const failures = lines('03-watch-expired.json')
      .map((line) => read(line, 'configmaps'))
      .flatMap((event) => (event.type === 'error' ? [event.failure] : []));
    assert.ok(failures.length > 0);
    for (const failure of failures) assert.deepEqual([failure.code, failure.reason], [410, 'Expired']);
  });
});
