import type { JsonObject } from '@hawser/protocol';

/** ConfigMaps and Secrets: their frames, and how contents of the usual formats begin and end. */

const MADE = '2026-01-01T00:00:00Z';

function metadata(name: string, fields: JsonObject = {}): JsonObject {
  return { creationTimestamp: MADE, ...fields, name, namespace: 'default', uid: '' };
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

/** How a PEM file begins and ends, as text and in base64: of the DER between them only the first bytes are always the same. */
const CERTIFICATE = ['-----BEGIN CERTIFICATE-----\nMIID', '\n-----END CERTIFICATE-----\n'] as const;
const KEYS = [
  '-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA',
  '-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEI',
  '-----BEGIN PRIVATE KEY-----\nMIIEv',
] as const;

export const settings: JsonObject = {
  apiVersion: 'v1',
  data: {
    'application.properties':
      'server.port=8080\nspring.datasource.url=jdbc:postgresql://postgres:5432/\nlogging.level.root=INFO\n',
    'config.json': '{\n  "host": "0.0.0.0",\n  "port": 8080,\n  "debug": false\n}\n',
    'config.yaml':
      'apiVersion: v1\nkind: Config\nglobal:\n  scrape_interval: 15s\nserver:\n  address: 0.0.0.0:8080\n  host: localhost\n' +
      '  port: 8080\n  enabled: true\n  timeout: 30s\nlogging:\n  level: info\n  format: json\n',
    'nginx.conf':
      'events {\n  worker_connections 1024;\n}\nhttp {\n  server {\n    listen 80;\n    location / {\n      proxy_pass http://web:8080;\n    }\n  }\n}\n',
    'script.sh': '#!/bin/sh\nset -e\nexec "$@"\n',
  },
  kind: 'ConfigMap',
  metadata: metadata('web', {
    annotations: { 'meta.helm.sh/release-name': 'web', 'meta.helm.sh/release-namespace': 'default' },
    labels: { app: 'web', 'app.kubernetes.io/managed-by': 'Helm', 'app.kubernetes.io/name': 'web' },
  }),
};

/** Every namespace has this one. */
export const clusterCertificates: JsonObject = {
  apiVersion: 'v1',
  data: { 'ca.crt': CERTIFICATE.join('') },
  kind: 'ConfigMap',
  metadata: metadata('kube-root-ca.crt', {
    annotations: {
      'kubernetes.io/description':
        'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal ' +
        'service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.',
    },
  }),
};

export const environment: JsonObject = {
  apiVersion: 'v1',
  data: {
    DATABASE_URL: 'postgres://postgres:5432/web?sslmode=disable',
    ENVIRONMENT: 'production',
    HOST: 'web.default.svc.cluster.local',
    LOG_LEVEL: 'info',
    REDIS_URL: 'redis://redis:6379/0',
    URL: 'https://example.com/',
  },
  kind: 'ConfigMap',
  metadata: metadata('web'),
};

export const secrets: readonly JsonObject[] = [
  {
    apiVersion: 'v1',
    data: { '.dockerconfigjson': base64('{"auths":{"https://index.docker.io/v1/":{"username":"') },
    kind: 'Secret',
    metadata: metadata('regcred'),
    type: 'kubernetes.io/dockerconfigjson',
  },
  {
    apiVersion: 'v1',
    data: {
      'ca.crt': base64(CERTIFICATE[0]),
      namespace: base64('default'),
      token: base64('eyJhbGciOiJSUzI1NiIsImtpZCI6I'),
    },
    kind: 'Secret',
    metadata: metadata('default-token', {
      annotations: { 'kubernetes.io/service-account.name': 'default', 'kubernetes.io/service-account.uid': '' },
      labels: { 'kubernetes.io/legacy-token-last-used': '2026-01-01' },
    }),
    type: 'kubernetes.io/service-account-token',
  },
  {
    apiVersion: 'v1',
    data: { 'ca.crt': base64(CERTIFICATE[0]), 'tls.crt': base64(CERTIFICATE[0]), 'tls.key': KEYS.map(base64).join('') },
    kind: 'Secret',
    metadata: metadata('web-tls', {
      annotations: {
        'cert-manager.io/alt-names': 'web.example.com',
        'cert-manager.io/certificate-name': 'web',
        'cert-manager.io/common-name': '',
        'cert-manager.io/ip-sans': '',
        'cert-manager.io/issuer-kind': 'ClusterIssuer',
        'cert-manager.io/issuer-name': 'letsencrypt',
        'cert-manager.io/uri-sans': '',
      },
      labels: { 'controller.cert-manager.io/fao': 'true' },
    }),
    type: 'kubernetes.io/tls',
  },
  {
    apiVersion: 'v1',
    data: { password: '', 'ssh-privatekey': '', token: '', username: '' },
    immutable: true,
    kind: 'Secret',
    metadata: metadata('web'),
    type: 'kubernetes.io/basic-auth',
  },
  { apiVersion: 'v1', data: { password: '' }, kind: 'Secret', metadata: metadata('web'), type: 'Opaque' },
];

export const plain: JsonObject = { apiVersion: 'v1', data: {}, kind: 'ConfigMap', metadata: metadata('web') };
