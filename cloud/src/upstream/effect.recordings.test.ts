import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { canonicalize, HawserError, isJsonObject, type JsonObject, type JsonValue } from '@hawser/protocol';
import { contradiction, effectOf } from './effect.ts';

/** Traffic of a real API server, beside the project where it is present. */
const RECORDINGS = fileURLToPath(new URL('../../../../shared/recordings/', import.meta.url));

interface StatusPatch {
  readonly where: string;
  readonly kind: 'Node' | 'Pod';
  readonly patch: JsonObject;
  readonly status: number;
  readonly answer: JsonObject;
}

function statusPatches(): StatusPatch[] | undefined {
  try {
    return readdirSync(RECORDINGS)
      .filter((file) => file.endsWith('.json'))
      .flatMap(patchesIn);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function patchesIn(file: string): StatusPatch[] {
  const { exchanges }: { exchanges: { request: JsonObject; response: JsonObject }[] } = JSON.parse(
    readFileSync(`${RECORDINGS}${file}`, 'utf8'),
  );
  return exchanges.flatMap(({ request, response }, index) => {
    const kind = /\/(nodes|pods)\/[^/]+\/status(\?|$)/.exec(String(request.path))?.[1];
    const { 'content-type': type } = isJsonObject(request.headers) ? request.headers : {};
    const answer = isJsonObject(response.body) ? (response.body.decoded ?? response.body) : undefined;
    if (request.method !== 'PATCH' || kind === undefined || type !== 'application/strategic-merge-patch+json') return [];
    if (!isJsonObject(request.body) || !isJsonObject(answer)) return [];
    const where = `${file}, exchange ${index}`;
    return [{ where, kind: kind === 'nodes' ? 'Node' : 'Pod', patch: request.body, status: Number(response.status), answer }];
  });
}

/** As the relay keeps it; undefined for an answer that is no object, such as one that was cut short by the recorder. */
function canonical(answer: JsonValue): string | undefined {
  try {
    return canonicalize(JSON.stringify(answer)).body;
  } catch (error) {
    if (error instanceof HawserError) return undefined;
    throw error;
  }
}

const patches = statusPatches();
const skip = patches === undefined ? 'no recordings beside the project' : false;

test('after each status patch that a real API server took, the same patch does nothing any more', { skip }, () => {
  let compared = 0;
  for (const { where, patch, status, answer } of patches ?? []) {
    const body = status === 200 ? canonical(answer) : undefined;
    // A spec is not taken through /status.
    if (body === undefined || patch.spec !== undefined) continue;
    compared += 1;
    assert.equal(effectOf(body, patch).type, 'nothing', `${where}: ${JSON.stringify(patch)}`);
  }
  assert.ok(compared > 20, `${compared} patches compared`);
});

test('what a real API server answers with 500 and no reason contradicts itself, and what it takes does not', { skip }, () => {
  const told = { wrong: 0, right: 0 };
  for (const { where, kind, patch, status, answer } of patches ?? []) {
    const wrong = contradiction({ apiVersion: 'v1', kind }, patch);
    if (status === 200) assert.equal(wrong, undefined, where);
    if (status === 500) assert.equal(wrong, answer.message, where);
    told[wrong === undefined ? 'right' : 'wrong'] += 1;
  }
  assert.ok(told.wrong > 0 && told.right > 20, JSON.stringify(told));
});
