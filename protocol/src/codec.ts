import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { agentMessageFromWire, agentMessageToWire } from './codec.agent.ts';
import { relayMessageFromWire, relayMessageToWire } from './codec.relay.ts';
import { READING, requireFewEntries } from './entries.ts';
import { HawserError } from './errors.ts';
import { type Frame, FrameSchema } from './gen/hawser/v1/link_pb.ts';
import type { AgentMessage, RelayMessage } from './messages.ts';

/**
 * The largest frame that either side sends or takes: one object at its bound (MAX_BODY_BYTES) with what goes around it.
 * A WebSocket message above it is refused by the socket before it is read.
 */
export const MAX_FRAME_BYTES = 4 * 1024 * 1024;

export function encodeAgentMessage(message: AgentMessage): Uint8Array {
  return encode(agentMessageToWire(message));
}

export function encodeRelayMessage(message: RelayMessage): Uint8Array {
  return encode(relayMessageToWire(message));
}

/** What an agent sent, checked field by field. @throws HawserError `malformed_frame`, or `protocol` for a relay's message */
export function decodeAgentMessage(bytes: Uint8Array): AgentMessage {
  return agentMessageFromWire(decode(bytes));
}

/** What a relay sent, checked field by field. @throws HawserError `malformed_frame`, or `protocol` for an agent's message */
export function decodeRelayMessage(bytes: Uint8Array): RelayMessage {
  return relayMessageFromWire(decode(bytes));
}

function encode(message: Frame['message']): Uint8Array {
  const bytes = toBinary(FrameSchema, create(FrameSchema, { message }));
  if (bytes.length > MAX_FRAME_BYTES) {
    throw new HawserError('too_large', `frame of ${bytes.length} bytes is over ${MAX_FRAME_BYTES}`);
  }
  return bytes;
}

function decode(bytes: Uint8Array): Frame['message'] {
  if (bytes.length > MAX_FRAME_BYTES) {
    throw new HawserError('malformed_frame', `malformed frame: ${bytes.length} bytes are over ${MAX_FRAME_BYTES}`);
  }
  requireFewEntries(FrameSchema, bytes);
  try {
    return fromBinary(FrameSchema, bytes, READING).message;
  } catch (cause) {
    throw new HawserError('malformed_frame', 'malformed frame: not a Protocol Buffers message of the link', { cause });
  }
}
