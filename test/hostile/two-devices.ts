import { X509Certificate } from 'node:crypto';
import { type Clock, systemClock } from '@hawser/cloud';
import { API_RESOURCES, decodeEnrolled, type KubeObject, objectKey, readCertificate } from '@hawser/protocol';
import { pino } from 'pino';
import { type Cluster, configMap, OWN_AUTHORITY, ready, registration, start } from '../relay/cluster.ts';
import { metricsOf } from '../relay/metrics.ts';
import { ScriptedAgent } from '../relay/scripted-agent.ts';
import { SERVING_USAGES, servingRequest } from '../support/certificate-request.ts';
import { type DeviceKey, deviceKey, joinOver, tokenSecret } from '../support/enrol-client.ts';
import { type CertificateAuthority, type CertificatePair, createAuthority } from '../support/pki.ts';
import { until } from '../support/until.ts';

/** The one that was taken over, and the one beside it. */
export const A = 'truck-a';
export const B = 'truck-b';
export const NAMESPACE = 'default';

/** Lines about one device are so many in a minute at most; after as many the clock of the relay goes on. */
export const LINES_A_MINUTE = 10;
const MINUTE_MS = 61_000;
const DEADLINE_MS = 60_000;

export type LogLine = Readonly<Record<string, unknown>>;

export interface Device {
  readonly node: string;
  readonly key: DeviceKey;
  readonly certificate: X509Certificate;
  readonly pair: CertificatePair;
}

/** A relay with an authority of its own, and two devices that have joined and are linked, each with a pod that needs a Secret. */
export interface TwoDevices {
  readonly cluster: Cluster;
  /** The relay's own, for certificates that it would never make. */
  readonly authority: CertificateAuthority;
  readonly a: Device;
  readonly b: Device;
  readonly agentB: ScriptedAgent;
  /** A new link of A; the one before is replaced by it. */
  dialA(): Promise<ScriptedAgent>;
  /** All that the relay has logged. */
  readonly logs: LogLine[];
  metric(series: string): Promise<number>;
  /** A minute later: the budgets of log lines are whole again. */
  nextMinute(): void;
  /** Everything in the cluster that is not A's own or the relay's, as uid and resourceVersion. */
  snapshot(): ReadonlyMap<string, string>;
}

export async function startTwoDevices(
  t: { after(end: () => unknown): void },
  settings: Readonly<Record<string, string>> = {},
): Promise<TwoDevices> {
  const logs: LogLine[] = [];
  let offsetMs = 0;
  const clock: Clock = { now: () => new Date(Date.now() + offsetMs), after: systemClock.after };
  const logger = pino({ level: 'info' }, { write: (line: string) => void logs.push(JSON.parse(line)) });
  const flags = { ...OWN_AUTHORITY, 'nodeLeases.linkedAfterSeconds': '3600', 'enroll.relays': 'wss://127.0.0.1', ...settings };
  const cluster = await start(t, flags, {}, { logger, clock });
  const { kube, relay, api } = cluster;
  await ready(relay);
  const secret = await until('the authority', DEADLINE_MS, undefined, () => kube.get('secrets', 'hawser-system', 'hawser-ca'));
  const pem = (key: string) => Buffer.from(String((secret.data as Record<string, unknown>)[key]), 'base64').toString();
  const subject = new X509Certificate(pem('ca.crt')).subject.replace('CN=', '');
  const authority = await createAuthority(subject, { certificatePem: pem('ca.crt'), keyPem: pem('ca.key') });
  await kube.create(tokenSecret({ id: 'abcdef', secret: '0123456789abcdef' }));

  const join = async (node: string): Promise<Device> => {
    const key = deviceKey();
    const { status, text } = await joinOver({ port: relay.linkPort }, 'abcdef.0123456789abcdef', key, { nodeName: node });
    if (status !== 200) throw new Error(`${node} did not join: ${text}`);
    const [leaf] = decodeEnrolled(text).certificates;
    if (leaf === undefined) throw new Error('joined without a certificate');
    const certificate = readCertificate(leaf);
    const keyPem = String(key.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    return { node, key, certificate, pair: { certificatePem: certificate.toString(), keyPem } };
  };
  const dial = async (device: Device, storeId: string) =>
    (await ScriptedAgent.dial(relay.linkPort, device.pair, authority.certificatePem, { storeId })).agent;

  const [a, b] = [await join(A), await join(B)];
  const agentB = await dial(b, 'b'.repeat(32));
  const dialA = () => dial(a, 'a'.repeat(32));
  const agentA = await dialA();
  for (const [agent, node] of [
    [agentA, A],
    [agentB, B],
  ] as const) {
    const outcome = await agent.report(registration(node));
    if (outcome.type !== 'applied') throw new Error(`${node} did not register: ${JSON.stringify(outcome)}`);
    await agent.state('inSync');
  }
  for (const object of [...(await objectsOf(A)), ...(await objectsOf(B))]) await kube.create(object);
  for (const [agent, node] of [
    [agentA, A],
    [agentB, B],
  ] as const) {
    await agent.holds(objectKey('pods', NAMESPACE, `${node}-pod`));
    await agent.holds(objectKey('secrets', NAMESPACE, `${node}-secret`));
  }

  return {
    cluster,
    authority,
    a,
    b,
    agentB,
    dialA,
    logs,
    metric: async (series) => (await metricsOf(relay)).get(series) ?? 0,
    nextMinute: () => {
      offsetMs += MINUTE_MS;
    },
    snapshot: () => {
      const found = new Map<string, string>();
      for (const { id } of API_RESOURCES) {
        for (const { metadata } of api.storage.list(id)) {
          const { namespace = '', name = '', uid, resourceVersion } = metadata;
          if (namespace === 'hawser-system' || name === A || name.startsWith(`${A}-`)) continue;
          found.set(`${id}/${namespace}/${name}`, `${uid} ${resourceVersion}`);
        }
      }
      return found;
    },
  };
}

async function objectsOf(node: string): Promise<KubeObject[]> {
  const metadata = (name: string, namespace: string | undefined = NAMESPACE) => ({
    name: `${node}-${name}`,
    ...(namespace === '' ? {} : { namespace }),
  });
  return [
    { ...configMap(`${node}-settings`, { of: node }) },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: metadata('secret'),
      data: { word: Buffer.from(`word of ${node}`).toString('base64') },
    },
    { apiVersion: 'v1', kind: 'Secret', metadata: metadata('unused'), data: {} },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata('robot') },
    {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: metadata('request', ''),
      spec: {
        request: (await servingRequest(node)).base64,
        signerName: 'kubernetes.io/kubelet-serving',
        usages: SERVING_USAGES,
      },
    },
    { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: metadata('fast', ''), provisioner: 'example.test/disk' },
    { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: metadata('urgent', ''), value: 1000 },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: metadata('disk', ''),
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteOnce'],
        storageClassName: `${node}-fast`,
        csi: { driver: 'example.test', volumeHandle: node },
        claimRef: { namespace: NAMESPACE, name: `${node}-data` },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: metadata('data'),
      spec: {
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1Gi' } },
        storageClassName: `${node}-fast`,
        volumeName: `${node}-disk`,
      },
    },
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'VolumeAttachment',
      metadata: metadata('attached', ''),
      spec: { attacher: 'example.test', nodeName: node, source: { persistentVolumeName: `${node}-disk` } },
    },
    { apiVersion: 'storage.k8s.io/v1', kind: 'CSINode', metadata: { name: node }, spec: { drivers: [] } },
    {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: node, namespace: 'kube-node-lease' },
      spec: { holderIdentity: node },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: metadata('pod'),
      spec: {
        nodeName: node,
        serviceAccountName: `${node}-robot`,
        priorityClassName: `${node}-urgent`,
        volumes: [
          { name: 'data', persistentVolumeClaim: { claimName: `${node}-data` } },
          { name: 'secret', secret: { secretName: `${node}-secret` } },
        ],
        containers: [{ name: 'main', image: 'app:1', envFrom: [{ configMapRef: { name: `${node}-settings` } }] }],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${node}-pod.17`, namespace: NAMESPACE },
      involvedObject: { kind: 'Pod', namespace: NAMESPACE, name: `${node}-pod` },
      reason: 'Started',
      message: `of ${node}`,
      type: 'Normal',
    },
  ];
}
