import { type Clock, createApiServer, createRegistry, type Registry, systemClock } from '@hawser/edge';
import { type Logger, pino } from 'pino';
import type { CertificateAuthority } from '../support/pki.ts';
import { maintainClusterObjects } from './cluster-objects.ts';
import { type ClusterCredentials, createCredentials, openAuthority } from './credentials.ts';
import { takeFaultCommand } from './fault-endpoint.ts';
import { Faults } from './faults.ts';
import { kubeconfigText } from './kubeconfig.ts';
import { MemoryStorage } from './memory-storage.ts';
import { startNamespaceController } from './namespace-controller.ts';
import type { StaticToken } from './policy/authentication.ts';
import { startCertificateSigner } from './policy/certificate-signer.ts';
import { createClusterPolicy } from './policy/cluster-policy.ts';
import type { RuleBinding } from './policy/rules.ts';
import { createServiceAccountTokens } from './policy/service-account-tokens.ts';
import { RELAY_BINDINGS, RELAY_GROUPS, RELAY_USER } from './relay-identity.ts';
import { RequestCounts } from './request-counts.ts';

export interface EmbeddedApiServerOptions {
  /** Default 0: a free one. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default: new ones, that nobody trusts yet. */
  readonly credentials?: ClusterCredentials;
  /** Default: empty. The objects of every cluster are added where they are missing. */
  readonly storage?: MemoryStorage;
  /** Users beside the administrator and the relay. */
  readonly tokens?: readonly StaticToken[];
  /** Their rights. */
  readonly bindings?: readonly RuleBinding[];
  /** Whether `POST /-/faults` is answered. Default false. */
  readonly faultEndpoint?: boolean;
  /** Whether requests are counted and `GET /-/requests` is answered. Default false. */
  readonly countRequests?: boolean;
  /** Default the system's. */
  readonly clock?: Clock;
  /** Default silent. */
  readonly logger?: Logger;
}

export interface EmbeddedApiServer {
  /** `https://127.0.0.1:PORT` */
  readonly url: string;
  readonly caPem: string;
  /** User kubernetes-admin in group system:masters. */
  readonly adminToken: string;
  /** User system:serviceaccount:hawser-system:hawser-relay, with the rights of `RELAY_BINDINGS`. */
  readonly relayToken: string;
  /** YAML text for the administrator, for the relay, or for the bearer of a token. */
  kubeconfig(who?: 'admin' | 'relay' | { readonly name: string; readonly token: string }): string;
  readonly credentials: ClusterCredentials;
  /** Signs what the cluster's own signer would: client certificates that this server accepts. */
  readonly authority: CertificateAuthority;
  readonly storage: MemoryStorage;
  /** The API without HTTP. */
  readonly registry: Registry;
  readonly faults: Faults;
  close(): Promise<void>;
}

export const ADMIN_USER = 'kubernetes-admin';

/**
 * Starts a Kubernetes API server of this process: memory for etcd, the rules of a cluster, and the small part of its controllers
 * without which no client gets far.
 * @throws when the port is in use
 */
export async function startEmbeddedApiServer(options: EmbeddedApiServerOptions = {}): Promise<EmbeddedApiServer> {
  const { clock = systemClock, storage = new MemoryStorage(), logger = pino({ level: 'silent' }), host = '127.0.0.1' } = options;
  const credentials = options.credentials ?? (await createCredentials());
  const authority = await openAuthority(credentials);
  const serving = await authority.issueServer({
    commonName: 'kube-apiserver',
    hosts: ['localhost', '127.0.0.1', '::1', 'kubernetes.default.svc', '10.96.0.1', host],
  });
  const now = () => clock.now();
  const policy = createClusterPolicy({
    storage,
    staticTokens: [
      { token: credentials.adminToken, user: ADMIN_USER, groups: ['system:masters'] },
      { token: credentials.relayToken, user: RELAY_USER, groups: RELAY_GROUPS },
      ...(options.tokens ?? []),
    ],
    serviceAccountTokens: await createServiceAccountTokens(credentials.tokenKeyPem),
    bindings: [...RELAY_BINDINGS, ...(options.bindings ?? [])],
    now,
  });
  const registry = createRegistry({ storage, policy, clock });
  const faults: Faults = new Faults(storage, () => server.cutWatches());
  const counts =
    options.countRequests === true
      ? new RequestCounts({ admin: credentials.adminToken, relay: credentials.relayToken })
      : undefined;
  const server = createApiServer({
    registry,
    tls: { cert: serving.certificatePem, key: serving.keyPem, clientCa: authority.certificatePem },
    logger,
    intercept: (request) => faults.intercept(request),
    takeOver: (request, response) =>
      counts?.take(request, response) === true ||
      (options.faultEndpoint === true && takeFaultCommand(faults, credentials.adminToken, request, response)) ||
      faults.takeOver(request, response),
  });
  const stops = [
    maintainClusterObjects(storage, authority.certificatePem, now),
    startNamespaceController(storage, now),
    startCertificateSigner(storage, authority, now, logger),
  ];
  const { url } = await server.listen(options.port ?? 0, host);

  return {
    url,
    caPem: authority.certificatePem,
    adminToken: credentials.adminToken,
    relayToken: credentials.relayToken,
    kubeconfig(who = 'admin') {
      const user =
        who === 'admin'
          ? { name: ADMIN_USER, token: credentials.adminToken }
          : who === 'relay'
            ? { name: 'hawser-relay', token: credentials.relayToken }
            : who;
      return kubeconfigText(url, authority.certificatePem, user.name, { token: user.token });
    },
    credentials,
    authority,
    storage,
    registry,
    faults,
    async close() {
      for (const stop of stops) stop();
      await server.close();
    },
  };
}
