import { randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import {
  decodeJoinRequest,
  decodeLateRenewalRequest,
  ENROL_ALPN,
  ENROL_PATHS,
  encodeEnrolled,
  isSignedBy,
  type JoinRequest,
  joinProof,
  type KeyHash,
  keyHash,
  type LateRenewalRequest,
  lateRenewalProof,
  readCertificate,
  readDeviceKey,
} from '@hawser/protocol';
import type { CertificateAuthority, CertificatePair } from './pki.ts';

/** What a test wants to be answered in place of a certificate. */
export interface TestAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface EnrolmentEndpointOptions {
  readonly authority: CertificateAuthority;
  /** Default: one of the authority for 127.0.0.1 and localhost. */
  readonly pair?: CertificatePair;
  /** Sent after the server's certificate; default: the authority's. */
  readonly chain?: readonly string[];
  readonly alpn?: readonly string[];
  /** Called for each request before it is answered; an answer of its own is sent in place of ours. */
  readonly answer?: (path: string, body: string) => TestAnswer | undefined | Promise<TestAnswer | undefined>;
  /** Given to devices; default: the authority. */
  readonly authorities?: readonly X509Certificate[];
  readonly lifetimeSeconds?: number;
}

/** An enrolment endpoint as devices see it, that certifies whoever proves to have a key, and writes down what has come. */
export interface EnrolmentEndpoint {
  readonly url: string;
  readonly port: number;
  readonly caHash: KeyHash;
  readonly joins: readonly JoinRequest[];
  readonly renewals: readonly LateRenewalRequest[];
  /** TCP connections that have come. */
  readonly connections: number;
  /** TLS handshakes that were completed. */
  readonly handshakes: number;
  /** Bytes that devices have sent inside TLS. */
  readonly bytesReceived: number;
  close(): Promise<void>;
}

export async function startEnrolmentEndpoint(options: EnrolmentEndpointOptions): Promise<EnrolmentEndpoint> {
  const { authority } = options;
  const pair = options.pair ?? (await authority.issueServer({ commonName: 'relay' }));
  const root = new X509Certificate(authority.certificatePem);
  const joins: JoinRequest[] = [];
  const renewals: LateRenewalRequest[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  let handshakes = 0;
  let bytesReceived = 0;
  let nonce = '';

  const enrolled = async (nodeName: string, publicKey: Uint8Array) => {
    const leaf = new X509Certificate(await authority.certifyNode(nodeName, publicKey, options.lifetimeSeconds));
    const authorities = (options.authorities ?? [root]).map(({ raw }) => raw);
    return { status: 200, body: encodeEnrolled({ nodeName, certificates: [leaf.raw], authorities }) };
  };
  const refused = (reason: string): TestAnswer => ({ status: 403, body: JSON.stringify({ reason, message: 'no' }) });
  const serve = async (path: string, body: string): Promise<TestAnswer> => {
    const own = await options.answer?.(path, body);
    if (own !== undefined) return own;
    if (path === ENROL_PATHS.nonce) {
      nonce = randomBytes(32).toString('base64url');
      return { status: 200, body: JSON.stringify({ nonce }) };
    }
    if (path === ENROL_PATHS.join) {
      const join = decodeJoinRequest(body);
      joins.push(join);
      const isProven = isSignedBy(joinProof(nonce, join.nodeName), join.proof, readDeviceKey(join.publicKey));
      return isProven && join.nonce === nonce ? enrolled(join.nodeName, join.publicKey) : refused('badProof');
    }
    const renewal = decodeLateRenewalRequest(body);
    renewals.push(renewal);
    const [der] = renewal.certificates;
    if (der === undefined) return refused('notOurs');
    const old = readCertificate(der);
    const proof = lateRenewalProof(nonce, old, renewal.publicKey);
    const isProven =
      isSignedBy(proof, renewal.proof, readDeviceKey(renewal.publicKey)) && isSignedBy(proof, renewal.signature, old.publicKey);
    const nodeName = /CN=system:node:(.+)/.exec(old.subject)?.[1] ?? '';
    return isProven ? enrolled(nodeName, renewal.publicKey) : refused('badProof');
  };

  const http = createServer((request, response) => {
    void bodyOf(request)
      .then((body) => serve(request.url ?? '', body))
      .then((answer) => send(response, answer));
  });
  // Links are cut off after the handshake, as by a relay that does not take the certificate.
  http.on('upgrade', (_request, socket: Socket) => socket.destroy());
  const server = createTlsServer(
    {
      cert: [pair.certificatePem, ...(options.chain ?? [authority.certificatePem])].join('\n'),
      key: pair.keyPem,
      minVersion: 'TLSv1.3',
      ALPNProtocols: [...(options.alpn ?? [ENROL_ALPN])],
    },
    (socket) => {
      handshakes += 1;
      socket.on('data', (chunk: Buffer) => {
        bytesReceived += chunk.length;
      });
      http.emit('connection', socket);
    },
  );
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  // Devices that do not trust us break off.
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `wss://127.0.0.1:${port}`,
    port,
    caHash: keyHash(root.publicKey),
    joins,
    renewals,
    get connections() {
      return connections;
    },
    get handshakes() {
      return handshakes;
    },
    get bytesReceived() {
      return bytesReceived;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, { status, body, headers }: TestAnswer): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
}
