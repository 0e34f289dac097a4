import { request } from 'node:https';
import {
  type ApiPolicy,
  type ApiServer,
  type ApiServerOptions,
  createApiServer,
  createRegistry,
  type Registry,
  type RegistryOptions,
} from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { MemoryStorage, type MemoryStorageOptions } from '../apiserver/memory-storage.ts';
import { type CertificateAuthority, createAuthority } from '../support/pki.ts';

/** Everybody may do everything; deletes remove at once. */
export const OPEN_POLICY: ApiPolicy = {
  authenticate: () => ({ name: 'tester', groups: ['system:masters'] }),
  authorize: () => ({ allowed: true }),
  admit: ({ object }) => object,
  planDelete: () => ({ type: 'remove' }),
  handleSpecial: () => undefined,
};

export interface TestServer {
  readonly storage: MemoryStorage;
  readonly registry: Registry;
  readonly server: ApiServer;
  readonly authority: CertificateAuthority;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** Opens a watch and collects its lines until it ends or is aborted. */
  watch(path: string, headers?: Record<string, string>, options?: { readonly reads: boolean }): OpenedWatch;
  close(): Promise<void>;
}

export interface CallOptions {
  readonly headers?: Record<string, string>;
  /** Sent as JSON unless it is a string. */
  readonly body?: unknown;
}

export interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
  readonly json: KubeObject;
}

export interface OpenedWatch {
  /** Resolves with that many events, or those there were when the watch ended. */
  take(count: number): Promise<{ type: string; object: KubeObject }[]>;
  /** Resolves when the body has ended; says whether it ended cleanly. */
  readonly ended: Promise<'clean' | 'cut'>;
  /** Resolves when the headers have come. */
  readonly opened: Promise<void>;
  /** Begins to read, for a watch that was opened without. */
  read(): void;
  abort(): void;
}

export async function startTestServer(
  options: {
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
  const base = { host: '127.0.0.1', port, ca: authority.certificatePem };

  return {
    storage,
    registry,
    server,
    authority,
    call: (method, path, { headers = {}, body } = {}) =>
      new Promise((resolve, reject) => {
        const sent = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
        // Node sends no length by itself with a DELETE.
        const contentType =
          sent === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(sent)) };
        const outgoing = request({ ...base, method, path, headers: { ...contentType, ...headers } }, (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          response.on('error', reject).on('end', () => {
            const json = /json/.test(response.headers['content-type'] ?? '') && text !== '' ? JSON.parse(text) : {};
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
          });
        });
        outgoing.on('error', reject).end(sent);
      }),
    watch: (path, headers = {}, { reads } = { reads: true }) => openWatch({ ...base, path, headers }, reads),
    close: () => server.close(),
  };
}

function openWatch(
  target: { host: string; port: number; ca: string; path: string; headers: Record<string, string> },
  reads: boolean,
): OpenedWatch {
  const opening = Promise.withResolvers<void>();
  let read = () => {};
  const lines: { type: string; object: KubeObject }[] = [];
  let over = false;
  let wake = () => {};
  let settle = (_how: 'clean' | 'cut') => {};
  const ended = new Promise<'clean' | 'cut'>((resolve) => {
    settle = (how) => {
      over = true;
      resolve(how);
      wake();
    };
  });
  const outgoing = request({ ...target, agent: false }, (response) => {
    let rest = '';
    read = () => {
      response.setEncoding('utf8').on('data', (chunk: string) => {
        const parts = (rest + chunk).split('\n');
        rest = parts.pop() ?? '';
        for (const line of parts) lines.push(JSON.parse(line));
        wake();
      });
    };
    response.on('end', () => settle('clean')).on('error', () => settle('cut'));
    if (reads) read();
    opening.resolve();
  });
  outgoing.on('error', () => settle('cut')).end();
  return {
    ended,
    opened: opening.promise,
    read: () => read(),
    abort: () => outgoing.destroy(),
    async take(count) {
      while (lines.length < count && !over) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return lines.splice(0, count);
    },
  };
}
