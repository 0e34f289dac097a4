import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { CertificatePair } from '../support/pki.ts';

/**
 * How the proxy treats a CONNECT.
 *
 * | conduct | what it does |
 * |---|---|
 * | tunnels | connects and passes bytes, or answers 502 |
 * | refuses | answers 403 |
 * | silent | takes the connection and says nothing |
 * | dies | ends the connection without an answer |
 * | babbles | answers with a head without end |
 * | stranger | answers in another protocol |
 */
export type ProxyConduct = 'tunnels' | 'refuses' | 'silent' | 'dies' | 'babbles' | 'stranger';

export interface HttpProxyOptions {
  /** Where names lead that only the proxy knows: `{ 'relay.example:8443': 40123 }`. Others are dialled as they are. */
  readonly names?: Readonly<Record<string, number>>;
  /** `user:password`; without it nobody is asked. */
  readonly credentials?: string;
  readonly conduct?: ProxyConduct;
  /** Speaks TLS with its clients. */
  readonly pair?: CertificatePair;
}

/** An HTTP proxy (RFC 9110, section 9.3.6) that only knows CONNECT. */
export interface HttpProxy {
  /** `http://127.0.0.1:PORT`, or https. */
  readonly url: string;
  readonly port: number;
  /** Targets of the tunnels that were opened. */
  readonly tunnels: readonly string[];
  /** What its clients have sent it before a tunnel was open: everything in their heads. */
  readonly heads: readonly string[];
  /** Connections that are open now. */
  open(): number;
  /** Cuts all connections, as when it is started again. */
  flap(): void;
  close(): Promise<void>;
}

export async function startHttpProxy(options: HttpProxyOptions = {}): Promise<HttpProxy> {
  const { names = {}, credentials, conduct = 'tunnels', pair } = options;
  const tunnels: string[] = [];
  const heads: string[] = [];
  const sockets = new Set<Socket>();

  const onConnect = (request: IncomingMessage, client: Duplex, head: Buffer) => {
    const target = request.url ?? '';
    heads.push(`${target} ${request.rawHeaders.join(' ')}`);
    client.on('error', () => {});
    const wanted = credentials === undefined ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`;
    if (wanted !== undefined && request.headers['proxy-authorization'] !== wanted) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="p"\r\n\r\n');
      return;
    }
    switch (conduct) {
      case 'refuses':
        client.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nnever');
        return;
      case 'silent':
        // Only who reads hears that the other side has gone.
        client.resume().on('end', () => client.destroy());
        return;
      case 'dies':
        client.destroy();
        return;
      case 'babbles':
        client.write(`HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(64 * 1024)}`);
        return;
      case 'stranger':
        client.end('SSH-2.0-OpenSSH_9.9\r\n');
        return;
      case 'tunnels':
        tunnel(target, client, head);
    }
  };

  const tunnel = (target: string, client: Duplex, head: Buffer) => {
    const { hostname, port } = new URL(`tcp://${target}`);
    const mapped = names[target];
    const relay = mapped === undefined ? connect(Number(port), hostname) : connect(mapped, '127.0.0.1');
    sockets.add(relay);
    let isOpen = false;
    relay.on('connect', () => {
      isOpen = true;
      tunnels.push(target);
      client.write('HTTP/1.1 200 Connection Established\r\nVia: 1.1 test\r\n\r\n');
      if (head.length > 0) relay.write(head);
      client.pipe(relay).pipe(client);
    });
    relay.on('error', () => {
      if (!isOpen) client.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n');
      else client.destroy();
    });
    relay.on('close', () => {
      sockets.delete(relay);
      if (isOpen) client.destroy();
    });
    client.on('close', () => relay.destroy());
  };

  const server = pair === undefined ? createServer() : createTlsServer({ cert: pair.certificatePem, key: pair.keyPem });
  server.on('connect', onConnect);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const flap = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `${pair === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    tunnels,
    heads,
    open: () => sockets.size,
    flap,
    close: async () => {
      flap();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
