export { decodeEnvelope, type Envelope, openEnvelope } from './decode.ts';
export { type Encoded, encodeObject } from './encode.ts';
export { messageOfKind } from './fields.ts';
export { watchFrame } from './frame.ts';
export { ProtobufError } from './reader.ts';
