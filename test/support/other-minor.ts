import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import {
  decodeAgentMessage,
  decodeRelayMessage,
  encodeAgentMessage,
  encodeRelayMessage,
  type Hello,
  type Welcome,
} from '@hawser/protocol';
import { WebSocket, WebSocketServer } from 'ws';
import type { CertificateAuthority, CertificatePair } from './pki.ts';

/** What the other side is of another minor version in. */
export interface OtherMinor {
  /** The agent as the relay sees it. Default: as it is. */
  readonly hello?: (hello: Hello) => Hello;
  /** The relay as the agent sees it. */
  readonly welcome?: (welcome: Welcome) => Welcome;
  /** Each frame has a field more than this version knows, in both directions. */
  readonly moreFields?: boolean;
}

/** A relay before the relay: each frame is read, changed as the other minor version would have it, and passed on. */
export interface OtherMinorProxy {
  readonly port: number;
  /** Handshakes from here on are made so. */
  play(other: OtherMinor): void;
  /** Welcomes that were passed on since `play`. */
  welcomed(): number;
  close(): Promise<void>;
}

export interface OtherMinorOptions {
  readonly relayPort: number;
  /** Both sides trust it: the proxy has the device's name before the relay, and the relay's before the device. */
  readonly authority: CertificateAuthority;
  readonly device: CertificatePair;
}

/** A field of a Frame that no version has: number 1,000, of type bytes. */
const UNKNOWN_FIELD = Buffer.from([0xc2, 0x3e, 0x03, 0x6e, 0x65, 0x77]);

export async function startOtherMinor({ relayPort, authority, device }: OtherMinorOptions): Promise<OtherMinorProxy> {
  const own = await authority.issueServer({ commonName: 'hawser-relay' });
  const ca = authority.certificatePem;
  const server = createServer({ cert: own.certificatePem, key: own.keyPem, ca, requestCert: true, minVersion: 'TLSv1.3' });
  const sockets = new Set<WebSocket>();
  let played: OtherMinor = {};
  let welcomes = 0;

  const more = (frame: Uint8Array, { moreFields = false }: OtherMinor) =>
    moreFields ? Buffer.concat([frame, UNKNOWN_FIELD]) : frame;

  new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (below) => {
    const other = played;
    const cert = { cert: device.certificatePem, key: device.keyPem };
    const above = new WebSocket(`wss://127.0.0.1:${relayPort}/v1/link`, { ...cert, ca, perMessageDeflate: false });
    const opened = once(above, 'open');
    for (const [socket, peer] of [
      [below, above],
      [above, below],
    ] as const) {
      sockets.add(socket);
      // Whatever ends one side ends the other.
      socket.on('error', () => peer.terminate());
      socket.on('close', () => {
        sockets.delete(socket);
        peer.terminate();
      });
    }
    below.on('message', (data: Buffer) => {
      const message = decodeAgentMessage(data);
      const changed = message.type === 'hello' && other.hello !== undefined ? other.hello(message) : message;
      const frame = more(encodeAgentMessage(changed), other);
      // The order of what came before the relay was reached is kept: these run in the order in which they were asked for.
      void opened.then(
        () => above.send(frame),
        () => below.terminate(),
      );
    });
    above.on('ping', (data) => below.ping(data));
    above.on('message', (data: Buffer) => {
      const message = decodeRelayMessage(data);
      if (message.type === 'welcome') welcomes += 1;
      const changed = message.type === 'welcome' && other.welcome !== undefined ? other.welcome(message) : message;
      below.send(more(encodeRelayMessage(changed), other));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    play(other) {
      played = other;
      welcomes = 0;
    },
    welcomed: () => welcomes,
    async close() {
      for (const socket of sockets) socket.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
