import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli, unlinkedAgent } from './testing.ts';

test('log-level tells, changes and takes back the level of a running agent, which says so in its log', async (t) => {
  const { dataDir, logs, stop } = await unlinkedAgent(t, { logLevel: 'warn' });
  const run = (...args: string[]) => cli(['log-level', ...args, '--data-dir', dataDir]);
  assert.deepEqual(await run(), { code: 0, out: 'warn\n', err: '' });
  assert.match((await run('debug')).out, /^debug \(until the agent ends; the setting logLevel is warn\)\n$/);
  assert.deepEqual(JSON.parse((await run('-o', 'json')).out), { level: 'debug', configured: 'warn' });
  assert.deepEqual(await run('--reset'), { code: 0, out: 'warn\n', err: '' });
  assert.deepEqual(
    logs.filter(({ msg }) => msg === 'log level changed').map(({ from, to }) => [from, to]),
    [
      ['warn', 'debug'],
      ['debug', 'warn'],
    ],
  );
  assert.match((await run('loud')).err, /Allowed choices are trace, debug, info, warn, error, fatal/);
  assert.equal((await run('loud')).code, 2);
  assert.equal((await run('debug', '--reset')).code, 2);
  await stop();
  const stopped = await run('debug');
  assert.equal(stopped.code, 1);
  assert.match(stopped.err, /^hawser-agent: the agent does not run/);
});

test('the viewer sees the level and how the agent is, and only the administrator changes it', async (t) => {
  const { dataDir, agent } = await unlinkedAgent(t);
  const token = (holder: string) => readFileSync(join(dataDir, `${holder}.token`), 'utf8').trim();
  const ca = readFileSync(join(dataDir, 'api.crt'));
  const status = (method: string, path: string, holder: string | undefined, body?: string) =>
    new Promise<number>((resolve, reject) => {
      const authorization = holder === undefined ? {} : { authorization: `Bearer ${token(holder)}` };
      const headers = { ...authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
      const asking = request(new URL(path, agent.localApi), { method, ca, headers, agent: false }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0));
      });
      asking.on('error', reject).end(body);
    });
  const [level, own] = ['/hawser/v1/log-level', '/hawser/v1/agent'];
  const debug = '{"level":"debug"}';
  for (const path of [level, own]) {
    for (const holder of ['api', 'viewer']) assert.equal(await status('GET', path, holder), 200, `${holder} ${path}`);
    assert.equal(await status('GET', path, 'kubelet'), 403, path);
    assert.equal(await status('GET', path, undefined), 401, path);
  }
  assert.equal(await status('PUT', level, 'viewer', debug), 403);
  assert.equal(await status('PUT', level, 'kubelet', debug), 403);
  assert.equal(await status('PUT', level, 'api', debug), 200);
  for (const wrong of ['{"level":"loud"}', '{}', '[]', '', '{', '"debug"']) {
    assert.equal(await status('PUT', level, 'api', wrong), 400, wrong);
  }
  assert.equal(await status('PUT', own, 'api', debug), 403);
  assert.equal(await status('DELETE', level, 'api'), 403);
});
