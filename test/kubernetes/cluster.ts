import { createPublicKey } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubeObject } from '@hawser/protocol';
import { parseAllDocuments, stringify } from 'yaml';
import { programFolder } from '../../scripts/kubernetes/programs.ts';
import { type ClusterCredentials, loadOrCreateCredentials, openAuthority } from '../apiserver/credentials.ts';
import { kubeconfigText } from '../apiserver/kubeconfig.ts';
import { RELAY_NAMESPACE } from '../apiserver/relay-identity.ts';
import { freePort } from '../support/free-port.ts';
import { type KubeClient, kubeClient } from '../support/kube.ts';
import { writePair, writePem } from '../support/pki.ts';
import { type RunningProcess, startProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { AUDIT_POLICY } from './audit.ts';
import { apiServerArgs, controllerArgs, etcdArgs, FILES, ISSUER, type Places } from './programs.ts';

export interface RealClusterOptions {
  /** Everything that it writes is below: keys, kubeconfigs, etcd, logs. Those of an earlier run are used again. */
  readonly dir: string;
  /** Of the API server; 0 takes a free one. */
  readonly port: number;
  /** Without its rights the relay has to be installed by whoever uses the cluster. Default false. */
  readonly bare?: boolean;
  /** After which a Node without a sign of life is lost, in seconds. Default 40, as everywhere. */
  readonly graceSeconds?: number;
  /** For which pods that say nothing of it stay on such a Node, in seconds. Default 300, as everywhere. */
  readonly tolerationSeconds?: number;
}

export interface RealCluster {
  readonly url: string;
  /** An administrator's. */
  readonly kubeconfig: string;
  /** Resolves with what a program said last that has ended before `stop`. */
  readonly broken: Promise<string>;
  stop(): Promise<void>;
}

const DEFAULT_GRACE_SECONDS = 40;
const DEFAULT_TOLERATION_SECONDS = 300;
/** Until a program answers, in milliseconds: ten seconds alone, minutes on a machine that is busy. */
const START_TIMEOUT_MS = 180_000;
/** Of the relay's token, in seconds: longer than any test. */
const TOKEN_SECONDS = 86_400;
/** Policies for admission are of Kubernetes 1.30. */
const TOO_NEW = new Set(['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding']);
const MANIFESTS = ['00-namespace.yaml', '10-rights.yaml', 'optional/relay-pods.yaml', 'optional/as-node-older.yaml'];

/**
 * etcd, kube-apiserver and kube-controller-manager as processes of their own, on loopback; they end with this process, however it ends.
 * @throws with the last words of the program that did not start
 */
export async function startRealCluster(options: RealClusterOptions): Promise<RealCluster> {
  const { dir } = options;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const ports = { etcd: await freePort(), etcdPeer: await freePort(), api: options.port || (await freePort()) };
  const places: Places = { dir, ports };
  const url = `https://127.0.0.1:${ports.api}`;
  const credentials = await writeFiles(dir, url);
  const started: RunningProcess[] = [];
  let isStopping = false;
  const broken = Promise.withResolvers<string>();
  const start = (name: string, args: readonly string[]) => {
    const program = startProcess({
      name,
      node: join(programFolder(), name),
      args,
      before: ['setpriv', '--pdeathsig', 'KILL', '--'],
      logFile: join(dir, `${name}.log`),
    });
    started.push(program);
    void program.exited.then(({ code, signal }) => {
      if (!isStopping) broken.resolve(`${name} has ended with ${code ?? signal}; its last output:\n${program.tail()}`);
    });
    return program;
  };
  const kube = await kubeClient(join(dir, FILES.admin));
  const stop = async () => {
    isStopping = true;
    kube.close();
    // What is written is in etcd, and the others' own ways to end wait for clients that may not go.
    const [etcd, ...others] = started;
    for (const program of others.toReversed()) await program.kill();
    await etcd?.stop();
  };
  try {
    const etcd = start('etcd', etcdArgs(places));
    await answering(etcd, async () => (await fetch(`http://127.0.0.1:${ports.etcd}/health`)).ok);
    const api = start('kube-apiserver', apiServerArgs(places, options.tolerationSeconds ?? DEFAULT_TOLERATION_SECONDS));
    await answering(api, async () => (await kube.raw('GET', '/readyz')).status === 200);
    const controllers = start('kube-controller-manager', controllerArgs(places, options.graceSeconds ?? DEFAULT_GRACE_SECONDS));
    await answering(controllers, () => isFurnished(kube, 'default'));
    if (options.bare !== true) await installRelay(kube, controllers);
    await writeRelayConfig(kube, dir, url, credentials, options.bare === true);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, kubeconfig: join(dir, FILES.admin), broken: broken.promise, stop };
}

async function writeFiles(dir: string, url: string): Promise<ClusterCredentials> {
  const credentials = await loadOrCreateCredentials(dir);
  const authority = await openAuthority(credentials);
  const serving = await authority.issueServer({
    commonName: 'kube-apiserver',
    hosts: ['localhost', '127.0.0.1', 'kubernetes.default.svc', '10.96.0.1'],
  });
  await writePair(dir, 'apiserver', serving);
  const controllers = await authority.issueClient({ commonName: 'system:kube-controller-manager' });
  const admin = { token: credentials.adminToken };
  const { certificatePem } = credentials.authority;
  const tokenPublicKey = createPublicKey(credentials.tokenKeyPem).export({ type: 'spki', format: 'pem' }).toString();
  await writePem(dir, FILES.tokenPublicKey, tokenPublicKey);
  await writePem(dir, FILES.tokens, `${credentials.adminToken},kubernetes-admin,admin,system:masters\n`);
  await writePem(dir, FILES.auditPolicy, stringify(AUDIT_POLICY));
  await writePem(dir, FILES.admin, kubeconfigText(url, certificatePem, 'kubernetes-admin', admin));
  await writePem(dir, FILES.controllers, kubeconfigText(url, certificatePem, 'controllers', { certificate: controllers }));
  await writeFile(join(dir, FILES.auditLog), '', { flag: 'a', mode: 0o600 });
  return credentials;
}

/** What controllers put into each namespace: before that no pod of it is accepted. */
async function isFurnished(kube: KubeClient, namespace: string): Promise<boolean> {
  const account = await kube.get('serviceaccounts', namespace, 'default');
  const authority = await kube.get('configmaps', namespace, 'kube-root-ca.crt');
  // Until Kubernetes 1.24 an account has a token of its own, which pods are given.
  return authority !== undefined && ((account as { secrets?: unknown[] } | undefined)?.secrets?.length ?? 0) > 0;
}

/** The namespace and the rights that a cluster of this age is given, and no Deployment. */
async function installRelay(kube: KubeClient, controllers: RunningProcess): Promise<void> {
  for (const file of MANIFESTS) {
    const text = await readFile(new URL(`../../deploy/manifests/${file}`, import.meta.url), 'utf8');
    for (const document of parseAllDocuments(text)) {
      const object = document.toJS() as KubeObject;
      if (!TOO_NEW.has(object.kind ?? '')) await kube.apply(object);
    }
  }
  await answering(controllers, () => isFurnished(kube, RELAY_NAMESPACE));
}

async function writeRelayConfig(
  kube: KubeClient,
  dir: string,
  url: string,
  credentials: ClusterCredentials,
  isBare: boolean,
): Promise<void> {
  // There is no account before somebody installs the relay.
  const token = isBare ? credentials.relayToken : await tokenOf(kube, RELAY_NAMESPACE, 'hawser-relay');
  await writePem(dir, FILES.relay, kubeconfigText(url, credentials.authority.certificatePem, 'hawser-relay', { token }));
}

async function tokenOf(kube: KubeClient, namespace: string, name: string): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
  const request = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { audiences: [ISSUER], expirationSeconds: TOKEN_SECONDS },
  };
  const { status, body } = await kube.raw('POST', path, request);
  const token = (body as { status?: { token?: string } }).status?.token;
  if (token === undefined) throw new Error(`POST ${path}: ${status} ${JSON.stringify(body)}`);
  return token;
}

/** Waits until it is so, or the program has ended. */
async function answering(program: RunningProcess, isSo: () => Promise<boolean>): Promise<void> {
  let hasEnded = false;
  void program.exited.then(() => {
    hasEnded = true;
  });
  await until(`${program.name} answers`, START_TIMEOUT_MS, undefined, async () => {
    if (hasEnded) return 'ended';
    return (await isSo().catch(() => false)) ? 'so' : undefined;
  });
  if (hasEnded) throw new Error(`${program.name} has ended; its last output:\n${program.tail()}`);
}
