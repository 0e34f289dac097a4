import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Relay } from '@hawser/cloud';
import { createCredentials } from '../apiserver/credentials.ts';
import { type EmbeddedApiServer, startEmbeddedApiServer } from '../apiserver/server.ts';
import { freePort } from '../support/free-port.ts';
import { type KubeClient, kubeClient } from '../support/kube.ts';
import { type CertificateAuthority, createAuthority, issueNodeCertificate, writePair, writePem } from '../support/pki.ts';
import { until } from '../support/until.ts';
import { OWN_AUTHORITY, ready, relayFor } from './cluster.ts';
import { ScriptedAgent } from './scripted-agent.ts';

/** The authority that the relay has made, for a test that signs with it. */
async function authorityOf(t: TestContext, api: EmbeddedApiServer, folder: string): Promise<CertificateAuthority> {
  const kube: KubeClient = await kubeClient(await writePem(folder, 'admin.kubeconfig', api.kubeconfig('admin')));
  t.after(() => kube.close());
  const secret = await kube.get('secrets', 'hawser-system', 'hawser-ca');
  const data = (secret?.data ?? {}) as Record<string, string>;
  const [certificatePem = '', keyPem = ''] = ['ca.crt', 'ca.key'].map((key) => Buffer.from(data[key] ?? '', 'base64').toString());
  return createAuthority(new X509Certificate(certificatePem).subject.replace('CN=', ''), { certificatePem, keyPem });
}

function waitingFor(relay: Relay): readonly string[] {
  const readiness = relay.readiness();
  return readiness.type === 'notReady' ? readiness.waitingFor : [];
}

test('a relay whose API server is away at its first start listens, names what it waits for, and serves when it is there', async (t) => {
  const credentials = await createCredentials();
  const port = await freePort();
  const before = await startEmbeddedApiServer({ credentials, port });
  await before.close();
  const { relay, folder } = await relayFor(t, before, OWN_AUTHORITY);
  assert.match(waitingFor(relay).join('\n'), /^the authority, Secret hawser-system\/hawser-ca/m);
  const api = await startEmbeddedApiServer({ credentials, port });
  t.after(() => api.close());
  await ready(relay);
  const authority = await authorityOf(t, api, folder);
  const pair = await issueNodeCertificate(authority, 'edge-1');
  const { welcome } = await ScriptedAgent.dial(relay.linkPort, pair, authority.certificatePem);
  assert.equal(welcome.type, 'welcome');
});

test('with an operator’s issuer nothing is made in the cluster, and its certificates serve and are let in', async (t) => {
  const api = await startEmbeddedApiServer();
  t.after(() => api.close());
  const company = await createAuthority('company');
  const { folder } = await relayFor(t, api);
  const { certificateFile, keyFile } = await writePair(folder, 'issuer', company);
  const { relay } = await relayFor(t, api, { ...OWN_AUTHORITY, 'issuer.cert': certificateFile, 'issuer.key': keyFile });
  await ready(relay);
  const { agent } = await ScriptedAgent.dial(
    relay.linkPort,
    await issueNodeCertificate(company, 'edge-1'),
    company.certificatePem,
  );
  assert.ok(agent);
  const kube = await kubeClient(await writePem(folder, 'admin.kubeconfig', api.kubeconfig('admin')));
  t.after(() => kube.close());
  await until('the public part', 60_000, undefined, async () => {
    const published = await kube.get('configmaps', 'hawser-system', 'hawser-ca');
    return (published?.data as Record<string, string> | undefined)?.['ca.crt']?.trim() === company.certificatePem.trim();
  });
  assert.equal(await kube.get('secrets', 'hawser-system', 'hawser-ca'), undefined);
});

test('files that are wrong keep a relay from starting, and say which', async (t) => {
  const api = await startEmbeddedApiServer();
  t.after(() => api.close());
  const { folder } = await relayFor(t, api);
  const junk = join(folder, 'junk');
  await writeFile(junk, 'junk');
  const issuer = { ...OWN_AUTHORITY, 'issuer.cert': junk, 'issuer.key': junk };
  await assert.rejects(relayFor(t, api, issuer), { code: 'bad_config', message: /^issuer\.cert: .*junk is not a certificate/ });
  await rm(junk);
  await assert.rejects(relayFor(t, api, { 'tls.key': junk }), {
    code: 'bad_config',
    message: /^tls\.key: the file .*junk is not there/,
  });
});
