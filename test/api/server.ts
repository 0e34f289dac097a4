import {
  type ApiPolicy,
  type ApiServer,
  type ApiServerOptions,
  createApiServer,
  createRegistry,
  type Registry,
  type RegistryOptions,
} from '@hawser/edge';
import { MemoryStorage, type MemoryStorageOptions } from '../apiserver/memory-storage.ts';
import { type CertificateAuthority, createAuthority } from '../support/pki.ts';
import { type ApiClient, createClient, type HttpVersion } from './client.ts';

/** Everybody may do everything; deletes remove at once. */
export const OPEN_POLICY: ApiPolicy = {
  authenticate: () => ({ name: 'tester', groups: ['system:masters'] }),
  authorize: () => ({ allowed: true }),
  admit: ({ object }) => object,
  planDelete: () => ({ type: 'remove' }),
  handleSpecial: () => undefined,
};

export interface TestServer extends Pick<ApiClient, 'call' | 'watch'> {
  readonly storage: MemoryStorage;
  readonly registry: Registry;
  readonly server: ApiServer;
  readonly authority: CertificateAuthority;
  close(): Promise<void>;
}

export async function startTestServer(
  options: {
    /** What its client speaks; the server speaks both. Default `HTTP/1.1`. */
    readonly http?: HttpVersion;
    readonly policy?: Partial<ApiPolicy>;
    readonly storage?: MemoryStorageOptions;
    readonly registry?: Partial<RegistryOptions>;
    readonly server?: Partial<ApiServerOptions>;
  } = {},
): Promise<TestServer> {
  const authority = await createAuthority('test');
  const certificate = await authority.issueServer({ commonName: 'localhost' });
  const storage = new MemoryStorage(options.storage);
  const registry = createRegistry({ storage, policy: { ...OPEN_POLICY, ...options.policy }, ...options.registry });
  const server = createApiServer({
    registry,
    tls: { cert: certificate.certificatePem, key: certificate.keyPem, clientCa: authority.certificatePem },
    ...options.server,
  });
  const { port } = await server.listen(0);
  const client = createClient(options.http ?? 'HTTP/1.1', { host: '127.0.0.1', port, ca: authority.certificatePem });
  return {
    ...{ storage, registry, server, authority, call: client.call, watch: client.watch },
    async close() {
      await server.close();
      client.close();
    },
  };
}
