import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { TestContext } from 'node:test';
import { startEmbeddedApiServer } from '../../../../test/apiserver/server.ts';
import { kubeClient } from '../../../../test/support/kube.ts';
import { writePem } from '../../../../test/support/pki.ts';
import { runCli } from '../../ops/cli.ts';

/** A cluster whose relays are away, the kubeconfig of its administrator, and one of somebody who may only read ConfigMaps. */
export async function startCluster(t: TestContext) {
  const api = await startEmbeddedApiServer({
    tokens: [{ token: 'reader', user: 'reader', groups: ['system:authenticated'] }],
    bindings: [{ subject: { user: 'reader' }, rules: [{ verbs: ['get'], apiGroups: [''], resources: ['configmaps'] }] }],
  });
  t.after(() => api.close());
  const folder = await mkdtemp(`${tmpdir()}/hawser-cli-`);
  t.after(() => rm(folder, { recursive: true }));
  const admin = await writePem(folder, 'admin', api.kubeconfig('admin'));
  const reader = await writePem(folder, 'reader', api.kubeconfig({ name: 'reader', token: 'reader' }));
  const kube = await kubeClient(admin);
  t.after(() => kube.close());
  return { api, kube, admin, reader };
}

/** What a command of `hawser-relay` says, and its exit code. */
export async function saidBy(args: readonly string[], kubeconfig: string): Promise<{ code: number; out: string; error: string }> {
  const said = { out: '', error: '' };
  const code = await runCli([...args, '--kubeconfig', kubeconfig], {
    version: '1',
    env: {},
    write: (text) => {
      said.out += text;
    },
    writeError: (text) => {
      said.error += text;
    },
    run: () => assert.fail('no relay is run'),
  });
  return { code, ...said };
}
