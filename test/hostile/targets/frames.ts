import { decodeAgentMessage, decodeRelayMessage, MAX_FRAME_BYTES } from '@hawser/protocol';
import { attempt, type Target } from '../engine/target.ts';
import { mutateWire } from '../mutate/wire.ts';
import { MB, MS } from './limits.ts';
import { agentFrame, relayFrame } from './shapes/messages.ts';

/**
 * A frame of 4 MB may hold 3 MB of body, which is kept as bytes, as text of two bytes a character, and parsed once: what else it says is
 * small. A list of 10,000 operations or entries takes some 10 MB as objects.
 */
const BYTES = 64 * MB;
const bounds = { ms: MS, bytes: BYTES, inputBytes: MAX_FRAME_BYTES + 1 };

export const agentFrames: Target = {
  name: 'agent-frames',
  what: 'decodeAgentMessage: what an agent sends over its link',
  corpus: ['agent-frames', 'relay-frames'],
  bounds,
  mutators: [mutateWire],
  shape: agentFrame,
  open: () => ({ run: (frame) => attempt(() => decodeAgentMessage(frame)) }),
};

export const relayFrames: Target = {
  name: 'relay-frames',
  what: 'decodeRelayMessage: what a relay sends over a link',
  corpus: ['relay-frames', 'agent-frames'],
  bounds,
  mutators: [mutateWire],
  shape: relayFrame,
  open: () => ({ run: (frame) => attempt(() => decodeRelayMessage(frame)) }),
};
