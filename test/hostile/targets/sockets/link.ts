import { once } from 'node:events';
import { Digest, encodeAgentMessage } from '@hawser/protocol';
import { WebSocket } from 'ws';
import type { Opened, Target } from '../../engine/target.ts';
import { mutateWire } from '../../mutate/wire.ts';
import { MB, MS } from '../limits.ts';
import { agentFrame } from '../shapes/messages.ts';
import { openWorld, type World } from './world.ts';

/** Relay, API server, both agents and TLS are in one process here, each with copies of its own. */
const BYTES = 96 * MB;

/** A link of a real relay over TLS: what ends it had no effect, and whatever comes another device notices nothing. */
export const link: Target = {
  name: 'link',
  what: 'frames of an agent on a link of a real relay, beside a device that must notice nothing',
  corpus: ['agent-frames', 'relay-frames'],
  bounds: { ms: 3 * MS, bytes: BYTES, inputBytes: 256 * 1024 },
  mutators: [mutateWire],
  shape: agentFrame,
  open: openLink,
};

async function openLink(): Promise<Opened> {
  const world = await openWorld();
  let socket = await dial(world);
  return {
    async run(frame) {
      if (socket.readyState !== WebSocket.OPEN) socket = await dial(world);
      const before = world.others();
      socket.send(frame);
      // The relay reads in order: who answers the ping has taken the frame.
      socket.ping();
      const isOpen = await Promise.race([once(socket, 'pong').then(() => true), once(socket, 'close').then(() => false)]);
      world.check();
      if (world.others() !== before) throw new Error('the other device or its objects are not as before');
      return isOpen ? 'taken' : 'refused';
    },
    state: () => world.others(),
    async close() {
      socket.terminate();
      await world.close();
    },
  };
}

async function dial({ a, authority, cluster }: World): Promise<WebSocket> {
  const socket = new WebSocket(`wss://127.0.0.1:${cluster.relay.linkPort}/v1/link`, {
    cert: a.pair.certificatePem,
    key: a.pair.keyPem,
    ca: authority.certificatePem,
  });
  await once(socket, 'open');
  socket.on('error', () => socket.terminate());
  socket.send(
    encodeAgentMessage({
      type: 'hello',
      protocolVersions: [1],
      features: ['delta'],
      dictionaries: [],
      agentVersion: 'fuzz',
      storeId: 'a'.repeat(32),
      clusterUid: undefined,
      digest: new Digest().toString(),
      objects: 0,
      epoch: undefined,
      authorities: undefined,
      clusterKeys: undefined,
    }),
  );
  await once(socket, 'message');
  return socket;
}
