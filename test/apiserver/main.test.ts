import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { exchangeOnce } from '../replay/client.ts';
import { freePort } from '../support/free-port.ts';
import { type RunningProcess, startProcess } from '../support/processes.ts';

describe('the embedded API server as a process', { timeout: 180_000 }, () => {
  let folder: string;
  const running = new Set<RunningProcess>();

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'apiserver-'));
  });
  afterEach(async () => {
    for (const child of running) await child.kill();
    running.clear();
    await rm(folder, { recursive: true });
  });

  function start(...args: string[]): RunningProcess {
    const child = startProcess({ name: 'apiserver', args: ['test/apiserver/main.ts', ...args] });
    running.add(child);
    return child;
  }

  async function ready(child: RunningProcess): Promise<string> {
    const { url } = await child.line('ready', (line) => typeof line.url === 'string');
    assert.ok(typeof url === 'string');
    return url;
  }

  async function get(url: string, path: string, method = 'GET', body?: string): Promise<unknown> {
    const agent = new Agent({ ca: await readFile(join(folder, 'ca.crt'), 'utf8') });
    const token = await readFile(join(folder, 'admin.token'), 'utf8');
    const headers = { authorization: `Bearer ${token}` };
    const answer = await exchangeOnce({ url, agent, method, path, headers, body });
    agent.destroy();
    assert.ok(answer.status < 300, `${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  it('is the same cluster after a restart: objects, uids, revisions, tokens, certificates', async () => {
    const data = join(folder, 'data.json');
    const args = ['--dir', folder, '--data', data, '--port', String(await freePort())];
    const first = start(...args);
    const firstUrl = await ready(first);
    const path = '/api/v1/namespaces/default/configmaps';
    const created = await get(firstUrl, path, 'POST', JSON.stringify({ metadata: { name: 'kept' }, data: { a: '1' } }));
    assert.deepEqual(await first.stop(), { code: 0, signal: null });

    const second = start(...args);
    assert.equal(await ready(second), firstUrl);
    assert.deepEqual(await get(firstUrl, `${path}/kept`), created);
  });

  it('keeps its files to their owner', async () => {
    await ready(start('--dir', folder));
    for (const file of ['kubeconfig', 'relay.kubeconfig', 'ca.key', 'admin.token']) {
      assert.equal((await stat(join(folder, file))).mode & 0o777, 0o600, file);
    }
  });

  it('says that a port is in use, and ends with 1', async () => {
    const { port } = new URL(await ready(start('--dir', folder)));
    const second = start('--dir', folder, '--port', port);
    assert.equal((await second.exited).code, 1);
    assert.match(second.tail(), new RegExp(`port ${port} is in use`));
  });

  it('refuses a data file that is none, and leaves it as it is', async () => {
    const data = join(folder, 'notes.txt');
    await writeFile(data, 'not a snapshot');
    const child = start('--dir', folder, '--data', data);
    assert.equal((await child.exited).code, 1);
    assert.match(child.tail(), /is no snapshot/);
    assert.equal(await readFile(data, 'utf8'), 'not a snapshot');
  });
});
