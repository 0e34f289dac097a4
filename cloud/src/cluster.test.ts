import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import { readClusterUid } from './cluster.ts';

const NEVER = new AbortController().signal;

const answers = (status: number, text: string) => ({ request: async () => ({ status, headers: {}, text }) });

test('the cluster is named by the uid of kube-system', async () => {
  assert.equal(await readClusterUid(answers(200, '{"metadata":{"name":"kube-system","uid":"u-1"}}'), NEVER), 'u-1');
});

test('an answer without a uid names no cluster', async () => {
  for (const [status, text] of [
    [404, '{"kind":"Status"}'],
    [503, ''],
    [200, '<html>'],
    [200, '{"metadata":{}}'],
    [200, '[]'],
  ] as const) {
    await assert.rejects(
      readClusterUid(answers(status, text), NEVER),
      (error) => error instanceof HawserError && error.code === 'unreachable',
    );
  }
});

test('a relay without the right is told which one it lacks', async () => {
  await assert.rejects(
    readClusterUid(answers(403, '{"kind":"Status"}'), NEVER),
    (error) => error instanceof HawserError && error.code === 'unauthorized' && /"get" on namespaces/.test(error.message),
  );
});
