import { decodeEnvelope, encodeObject, openEnvelope, ProtobufError } from '../../../edge/src/api/protobuf/index.ts';
import { objects } from '../../api/protobuf/objects.ts';
import { attempt, type Mutator, type Target } from '../engine/target.ts';
import { mutateWire } from '../mutate/wire.ts';
import { MB, MS } from './limits.ts';

/** What stands before every body. */
const MAGIC = Buffer.from('k8s\0');

/** Changes of the message behind the prefix, which for itself is no message. */
const mutateEnvelope: Mutator = (random, input, others) => {
  const behind = (bytes: Uint8Array) =>
    Buffer.from(bytes).subarray(0, MAGIC.length).equals(MAGIC) ? bytes.subarray(MAGIC.length) : bytes;
  return Buffer.concat([MAGIC, mutateWire(random, behind(input), others.map(behind))]);
};

/** 100,000 values of some 50 bytes, the body itself, what of it has no name in base64, and all of it written again. */
const BYTES = 48 * MB;

export const protobuf: Target = {
  name: 'protobuf',
  what: 'openEnvelope, decodeEnvelope, encodeObject: bodies in Protocol Buffers at the local API',
  corpus: ['protobuf'],
  bounds: { ms: 2 * MS, bytes: BYTES, inputBytes: 1 * MB },
  mutators: [mutateEnvelope],
  shape: objects.map((object) => encodeObject(object)?.bytes ?? Buffer.alloc(0)),
  open: () => ({
    run(input) {
      return attempt(
        () => {
          const written = rewritten(Buffer.from(input));
          // What was taken is written in one way only.
          if (written?.complete === true && rewritten(written.bytes)?.bytes.equals(written.bytes) !== true) {
            throw new Error('written, read and written again it is another');
          }
        },
        (error) => error instanceof ProtobufError,
      );
    },
  }),
};

function rewritten(bytes: Buffer): ReturnType<typeof encodeObject> {
  const object = decodeEnvelope(openEnvelope(bytes), { apiVersion: 'v1', kind: 'Pod' });
  return object && encodeObject(object);
}
