import { createSync, openMemoryStore } from '@hawser/edge';
import { decodeRelayMessage, MAX_FRAME_BYTES } from '@hawser/protocol';
import { pino } from 'pino';
import { readCorpus } from '../engine/corpus.ts';
import { attempt, type Opened, type Target } from '../engine/target.ts';
import { mutateWire } from '../mutate/wire.ts';
import { MB, MS } from './limits.ts';
import { relayFrame } from './shapes/messages.ts';

/** As for frames, and SQLite's cache, its journal in memory and the rows of one batch. */
const BYTES = 96 * MB;
const CLUSTER = 'c0ffee00-0000-4000-8000-000000000001';
const NODE = 'edge-1';

/** A session over a real store, in memory: what is refused changes neither rows nor outbox. */
export const sync: Target = {
  name: 'sync',
  what: "frames of a relay given to the agent's session over a store that holds objects",
  corpus: ['relay-frames'],
  bounds: { ms: MS, bytes: BYTES, inputBytes: MAX_FRAME_BYTES + 1 },
  mutators: [mutateWire],
  shape: relayFrame,
  open: openSession,
};

function openSession(): Opened {
  const logger = pino({ level: 'silent' });
  const clock = { now: () => new Date('2026-03-01T12:00:00.000Z') };
  const store = openMemoryStore({ logger, clock });
  const session = createSync({ store, agentVersion: '0.0.0', logger, clock });
  const begin = () => {
    session.disconnected();
    session.hello();
    const status = { state: 'syncing' as const, detail: '' };
    session.receive({
      type: 'welcome',
      protocolVersion: 1,
      features: ['delta'],
      dictionaries: [],
      relayVersion: '1',
      clusterUid: CLUSTER,
      epoch: 1,
      nodeName: NODE,
      status,
    });
  };
  begin();
  fill((message) => session.receive(message));
  begin();
  return {
    run(frame) {
      const verdict = attempt(() => session.receive(decodeRelayMessage(frame)));
      // As the agent does: what is refused ends the link, and another one begins.
      if (verdict === 'refused' || session.state().name === 'ended') begin();
      return verdict;
    },
    state: () => JSON.stringify([store.digest(), [...store.inventory()], store.outbox.pending(10), store.identity()]),
    close: () => store.close(),
  };
}

/** The objects of real batches. */
function fill(receive: (message: ReturnType<typeof decodeRelayMessage>) => unknown): void {
  let number = 0;
  for (const frame of readCorpus(['relay-frames'])) {
    const message = decodeRelayMessage(frame);
    if (message.type !== 'batch' || message.operations.some(({ change }) => change.type !== 'upsert')) continue;
    number += 1;
    const operations = message.operations.map((operation, index) => ({ ...operation, object: number * 100 + index }));
    if (operations.every(({ key }) => key !== undefined)) receive({ ...message, number, operations });
    else number -= 1;
  }
  if (number === 0) throw new Error('the corpus has no batch that a store can begin with');
}
