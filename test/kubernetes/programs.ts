/** What the programs of a cluster are started with: one of each, on loopback, with everything they write below one folder. */
import { join } from 'node:path';

export interface Places {
  readonly dir: string;
  readonly ports: { readonly etcd: number; readonly etcdPeer: number; readonly api: number };
}

export const FILES = {
  ca: 'ca.crt',
  caKey: 'ca.key',
  serving: 'apiserver.crt',
  servingKey: 'apiserver.key',
  tokenKey: 'service-account.key',
  tokenPublicKey: 'service-account.pub',
  tokens: 'tokens.csv',
  auditPolicy: 'audit-policy.yaml',
  auditLog: 'audit.log',
  admin: 'kubeconfig',
  relay: 'relay.kubeconfig',
  controllers: 'controllers.kubeconfig',
} as const;

export const ISSUER = 'https://kubernetes.default.svc.cluster.local';
/** Of Services: an address of a net that is not routed here. */
const SERVICE_NET = '10.96.0.0/16';

export function etcdArgs({ dir, ports }: Places): string[] {
  const client = `http://127.0.0.1:${ports.etcd}`;
  const peer = `http://127.0.0.1:${ports.etcdPeer}`;
  return flags({
    name: 'etcd',
    'data-dir': join(dir, 'etcd'),
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `etcd=${peer}`,
    logger: 'zap',
    'log-outputs': 'stderr',
  });
}

/** @param tolerationSeconds for which pods that say nothing of it stay on a Node that is lost */
export function apiServerArgs({ dir, ports }: Places, tolerationSeconds: number): string[] {
  const at = (file: keyof typeof FILES) => join(dir, FILES[file]);
  return flags({
    'etcd-servers': `http://127.0.0.1:${ports.etcd}`,
    'bind-address': '127.0.0.1',
    'secure-port': String(ports.api),
    'insecure-port': '0',
    'cert-dir': join(dir, 'made'),
    'tls-cert-file': at('serving'),
    'tls-private-key-file': at('servingKey'),
    'client-ca-file': at('ca'),
    'token-auth-file': at('tokens'),
    'authorization-mode': 'Node,RBAC',
    'enable-admission-plugins': 'NodeRestriction',
    'service-account-issuer': ISSUER,
    'service-account-signing-key-file': at('tokenKey'),
    'service-account-key-file': at('tokenPublicKey'),
    'external-hostname': '127.0.0.1',
    'service-cluster-ip-range': SERVICE_NET,
    'default-not-ready-toleration-seconds': String(tolerationSeconds),
    'default-unreachable-toleration-seconds': String(tolerationSeconds),
    // As every version from 1.22 on: pods get tokens of their own, not a Secret.
    'feature-gates': 'BoundServiceAccountTokenVolume=true',
    // Its own Endpoints would be of loopback, which it refuses.
    'endpoint-reconciler-type': 'none',
    'audit-policy-file': at('auditPolicy'),
    'audit-log-path': at('auditLog'),
    'audit-log-mode': 'blocking',
  });
}

/** @param graceSeconds after which a Node without a sign of life is lost */
export function controllerArgs({ dir }: Places, graceSeconds: number): string[] {
  const at = (file: keyof typeof FILES) => join(dir, FILES[file]);
  return flags({
    kubeconfig: at('controllers'),
    'bind-address': '127.0.0.1',
    port: '0',
    'secure-port': '0',
    'leader-elect': 'false',
    'use-service-account-credentials': 'true',
    'service-account-private-key-file': at('tokenKey'),
    'root-ca-file': at('ca'),
    'cluster-signing-cert-file': at('ca'),
    'cluster-signing-key-file': at('caKey'),
    'node-monitor-grace-period': `${graceSeconds}s`,
    'node-monitor-period': '1s',
  });
}

function flags(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).map(([name, value]) => `--${name}=${value}`);
}
