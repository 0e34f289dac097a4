import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  decodeAgentMessage,
  decodeRelayMessage,
  encodeBody,
  encodeRelayMessage,
  type ObjectKey,
  type RelayMessage,
} from '@hawser/protocol';
import { WebSocket, WebSocketServer } from 'ws';

/** Between an agent and its relay, with the keys of both: sees every message, and may damage bodies on their way down. */
export interface Tampering {
  readonly port: number;
  /** Whole bodies of that object are replaced by another text, under the hash of the right one. */
  spoil(key: ObjectKey | undefined): void;
  /** What the relay has said on all links, in order. */
  readonly down: readonly RelayMessage[];
  /** Of each operation among it the object. */
  readonly sent: readonly ObjectKey[];
  close(): Promise<void>;
}

/**
 * @param dir of the fleet: its keys are below `pki/`
 * @param node whose agent dials
 */
export async function startTampering(dir: string, node: string, relayPort: () => number): Promise<Tampering> {
  const pem = (name: string) => readFile(join(dir, 'pki', name));
  const [ca, cert, key, nodeCert, nodeKey] = await Promise.all(
    ['ca.crt', 'relay.crt', 'relay.key', `${node}.crt`, `${node}.key`].map(pem),
  );
  const server = createServer({ ca, cert, key, requestCert: true, minVersion: 'TLSv1.3' });
  const sent: ObjectKey[] = [];
  const down: RelayMessage[] = [];
  const sockets = new Set<WebSocket>();
  let spoilt: ObjectKey | undefined;

  function damage(message: RelayMessage, numbers: Map<number, ObjectKey>): RelayMessage {
    if (message.type === 'inventoryRequest') numbers.clear();
    if (message.type !== 'batch') return message;
    const operations = message.operations.map((operation) => {
      if (operation.key !== undefined) numbers.set(operation.object, operation.key);
      const key = numbers.get(operation.object);
      if (key === undefined) throw new Error(`object ${operation.object} was never named`);
      sent.push(key);
      const { change } = operation;
      return change.type === 'upsert' && key === spoilt
        ? { ...operation, change: { ...change, body: encodeBody('{"spoilt":true}') } }
        : operation;
    });
    return { ...message, operations };
  }

  new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (device, request) => {
    const relay = new WebSocket(`wss://127.0.0.1:${relayPort()}${request.url}`, { ca, cert: nodeCert, key: nodeKey });
    for (const socket of [device, relay]) {
      sockets.add(socket);
      // The other side hears of it by the close.
      socket.on('error', () => socket.terminate());
      socket.on('close', () => {
        sockets.delete(socket);
        device.terminate();
        relay.terminate();
      });
    }
    const waiting: Buffer[] = [];
    const numbers = new Map<number, ObjectKey>();
    device.on('message', (data: Buffer) => {
      const message = decodeAgentMessage(data);
      if (message.type === 'inventory') for (const { number, key } of message.entries) numbers.set(number, key);
      if (relay.readyState === WebSocket.OPEN) relay.send(data);
      else waiting.push(data);
    });
    relay.on('open', () => {
      for (const data of waiting) relay.send(data);
    });
    relay.on('message', (data: Buffer) => {
      const message = decodeRelayMessage(data);
      down.push(message);
      device.send(encodeRelayMessage(damage(message, numbers)));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    spoil: (spoil) => {
      spoilt = spoil;
    },
    down,
    sent,
    close: () => {
      for (const socket of sockets) socket.terminate();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
