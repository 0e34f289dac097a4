import { generateKeyPairSync, type KeyObject, type X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { connect, type TLSSocket } from 'node:tls';
import {
  decodeNonce,
  decodeRefusal,
  ENROL_ALPN,
  ENROL_PATHS,
  encodeJoinRequest,
  encodeLateRenewalRequest,
  type JoinRequest,
  joinProof,
  type KubeObject,
  type LateRenewalRequest,
  lateRenewalProof,
  parseToken,
  signProof,
} from '@hawser/protocol';

const DAY_MS = 86_400_000;

export interface EnrolAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Why it was refused, where it was. */
  readonly reason: string | undefined;
}

export interface EnrolClientOptions {
  readonly port: number;
  /** From which of the loopback's addresses is dialled. Default 127.0.0.1. */
  readonly from?: string;
  /** Default: the enrolment's. */
  readonly alpn?: readonly string[];
}

/** The device's side of the enrolment endpoint, request by request, on one connection; it believes whatever it is shown. */
export class EnrolClient {
  readonly socket: TLSSocket;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  static async dial({ port, from = '127.0.0.1', alpn = [ENROL_ALPN] }: EnrolClientOptions): Promise<EnrolClient> {
    const tcp = connectTcp({ port, host: '127.0.0.1', localAddress: from });
    const socket = connect({ socket: tcp, ALPNProtocols: [...alpn], rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    return new EnrolClient(socket);
  }

  constructor(socket: TLSSocket) {
    this.socket = socket;
    this.#agent.createConnection = () => socket;
    // A relay that ends the connection is what some tests wait for; the request that is under way says so.
    socket.on('error', () => undefined);
  }

  async post(path: string, body = '', headers: Record<string, string> = {}, method = 'POST'): Promise<EnrolAnswer> {
    const sent = request({
      agent: this.#agent,
      path,
      method,
      headers: { 'content-length': Buffer.byteLength(body), ...headers },
    });
    sent.end(body);
    const [answer] = await once(sent, 'response');
    const text = await textOf(answer);
    return { status: answer.statusCode, headers: answer.headers, text, reason: decodeRefusal(text)?.reason };
  }

  async nonce(): Promise<string> {
    const { status, text } = await this.post(ENROL_PATHS.nonce);
    if (status !== 200) throw new Error(`no nonce: ${status} ${text}`);
    return decodeNonce(text).nonce;
  }

  close(): void {
    this.socket.destroy();
  }
}

export interface DeviceKey {
  readonly privateKey: KeyObject;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer;
}

export function deviceKey(): DeviceKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey, spki: publicKey.export({ type: 'spki', format: 'der' }) };
}

/** What a device with this key sends to join. */
export function joinRequest(key: DeviceKey, nonce: string, token: string, fields: Partial<JoinRequest> = {}): JoinRequest {
  const nodeName = fields.nodeName ?? 'truck-1';
  const parsed = parseToken(token);
  if (parsed === undefined) throw new Error(`${token} is no token`);
  const proof = signProof(joinProof(nonce, nodeName), key.privateKey);
  return { nonce, token: parsed, nodeName, publicKey: key.spki, proof, replace: false, ...fields };
}

/** What a device sends to have a certificate renewed whose key is `old.key`. */
export function renewalRequest(
  old: { readonly certificate: X509Certificate; readonly key: KeyObject },
  next: DeviceKey,
  nonce: string,
  fields: Partial<LateRenewalRequest> = {},
): LateRenewalRequest {
  const proof = lateRenewalProof(nonce, old.certificate, next.spki);
  return {
    nonce,
    certificates: [old.certificate.raw],
    publicKey: next.spki,
    proof: signProof(proof, next.privateKey),
    signature: signProof(proof, old.key),
    ...fields,
  };
}

/** A whole join over a connection of its own. */
export async function joinOver(
  options: EnrolClientOptions,
  token: string,
  key: DeviceKey,
  fields: Partial<JoinRequest> = {},
): Promise<EnrolAnswer> {
  const client = await EnrolClient.dial(options);
  try {
    const nonce = await client.post(ENROL_PATHS.nonce);
    if (nonce.status !== 200) return nonce;
    return await client.post(ENROL_PATHS.join, encodeJoinRequest(joinRequest(key, decodeNonce(nonce.text).nonce, token, fields)));
  } finally {
    client.close();
  }
}

/** A whole late renewal over a connection of its own. */
export async function renewOver(
  options: EnrolClientOptions,
  old: { readonly certificate: X509Certificate; readonly key: KeyObject },
  next: DeviceKey,
): Promise<EnrolAnswer> {
  const client = await EnrolClient.dial(options);
  try {
    return await client.post(ENROL_PATHS.renew, encodeLateRenewalRequest(renewalRequest(old, next, await client.nonce())));
  } finally {
    client.close();
  }
}

export interface TestToken {
  readonly id: string;
  readonly secret: string;
  readonly nodeName?: string;
  readonly isSingleUse?: boolean;
  readonly mayReplace?: boolean;
  /** Default: in a day. */
  readonly expiration?: Date;
}

/** The Secret of a bootstrap token, as kubeadm would make it, with what the relay knows beyond. */
export function tokenSecret({ id, secret, nodeName, isSingleUse, mayReplace, expiration }: TestToken): KubeObject {
  const annotations = {
    ...(nodeName === undefined ? {} : { 'hawser.dev/node-name': nodeName }),
    ...(isSingleUse ? { 'hawser.dev/uses': '1' } : {}),
    ...(mayReplace ? { 'hawser.dev/may-replace': 'true' } : {}),
  };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system', annotations },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': id,
      'token-secret': secret,
      'usage-bootstrap-authentication': 'true',
      expiration: (expiration ?? new Date(Date.now() + DAY_MS)).toISOString(),
    },
  };
}
