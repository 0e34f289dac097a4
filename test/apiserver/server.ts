import type { RuleBinding } from '@hawser/edge';
import { type Clock, createApiServer, createRegistry, type Registry, systemClock } from '@hawser/edge';
import { type Logger, pino } from 'pino';
import type { CertificateAuthority } from '../support/pki.ts';
import { ChangeCounts } from './change-counts.ts';
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
import { discoveryDocuments } from './policy/issuer-discovery.ts';
import { createServiceAccountTokens } from './policy/service-account-tokens.ts';
import { type ImpersonationForm, RELAY_GROUPS, RELAY_NAMESPACE, RELAY_USER, relayBindings } from './relay-identity.ts';
import { type RelayRights, RelayRightsLog } from './relay-rights.ts';
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
  /**
   * Where the relay's rights come from. `manifests`: it has those of `deploy/manifests` and its namespace is there, without any object for
   * them. `applied`: nothing is there before somebody installs it. Default manifests.
   */
  readonly relay?: 'manifests' | 'applied';
  /** What the server can do and the relay is granted. `groups`: as a server before Kubernetes 1.36. Default constrained. */
  readonly impersonation?: ImpersonationForm;
  /** Whether `POST /-/faults` is answered. Default false. */
  readonly faultEndpoint?: boolean;
  /** Whether requests and changes are counted and `GET /-/requests`, `/-/requests/rates` and `/-/changes` are answered. Default false. */
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
  /** User system:serviceaccount:hawser-system:hawser-relay, with the rights of `deploy/manifests`, or those that are applied. */
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
  /** Also `GET /-/relay-rights`. */
  relayRights(): RelayRights;
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
  const impersonation = options.impersonation ?? 'constrained';
  const isPrepared = (options.relay ?? 'manifests') === 'manifests';
  const rightsLog = new RelayRightsLog(credentials.adminToken);
  const serviceAccountTokens = await createServiceAccountTokens(credentials.tokenKeyPem);
  const clusterPolicy = createClusterPolicy({
    storage,
    staticTokens: [
      { token: credentials.adminToken, user: ADMIN_USER, groups: ['system:masters'] },
      { token: credentials.relayToken, user: RELAY_USER, groups: RELAY_GROUPS },
      ...(options.tokens ?? []),
    ],
    serviceAccountTokens,
    bindings: [...(isPrepared ? relayBindings(impersonation) : []), ...(options.bindings ?? [])],
    hasConstrainedImpersonation: impersonation === 'constrained',
    now,
  });
  const policy = rightsLog.noting(clusterPolicy);
  const registry = createRegistry({ storage, policy, clock });
  const faults: Faults = new Faults(storage, () => server.cutWatches());
  const counts =
    options.countRequests === true
      ? new RequestCounts({ admin: credentials.adminToken, relay: credentials.relayToken })
      : undefined;
  const changes = options.countRequests === true ? new ChangeCounts(storage, credentials.adminToken) : undefined;
  const server = createApiServer({
    registry,
    ownPaths: discoveryDocuments(serviceAccountTokens),
    tls: { cert: serving.certificatePem, key: serving.keyPem, clientCa: authority.certificatePem },
    logger,
    intercept: (request, gone) => faults.intercept(request, gone),
    takeOver: (request, response) =>
      rightsLog.take(request, response) ||
      changes?.take(request, response) === true ||
      counts?.take(request, response) === true ||
      (options.faultEndpoint === true && takeFaultCommand(faults, credentials.adminToken, request, response)) ||
      faults.takeOver(request, response),
  });
  const stops = [
    maintainClusterObjects(storage, authority.certificatePem, now, isPrepared ? [RELAY_NAMESPACE] : []),
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
    relayRights: () => rightsLog.rights(),
    async close() {
      for (const stop of stops) stop();
      await server.close();
    },
  };
}
