import { zstdCompressSync } from 'node:zlib';
import { decodeAgentMessage } from '@hawser/protocol';
import { attempt, type Target } from '../engine/target.ts';
import { mutateWire, varint } from '../mutate/wire.ts';
import { MB, MS } from './limits.ts';

/** Unpacked 1 MB, as objects of 10,000 entries with their keys some 10 MB. */
const BYTES = 48 * MB;

/** Of link.proto: Frame.inventory, Inventory.packed, Inventory.packed_size. */
const INVENTORY_FIELD = 5;
const PACKED_FIELD = 3;
const PACKED_SIZE_FIELD = 4;

/** The input is what a packed inventory holds: few bytes on the wire, whatever they unpack to. */
export const inventories: Target = {
  name: 'inventories',
  what: 'decodeAgentMessage of packed inventories: what one unpacks to',
  corpus: ['inventories'],
  bounds: { ms: MS, bytes: BYTES, inputBytes: 2 * MB },
  mutators: [mutateWire],
  open: () => ({
    run(input) {
      const packed = zstdCompressSync(input);
      const inventory = Buffer.concat([
        Buffer.from([(PACKED_FIELD << 3) | 2]),
        varint(packed.length),
        packed,
        Buffer.from([PACKED_SIZE_FIELD << 3]),
        varint(input.length),
      ]);
      const frame = Buffer.concat([Buffer.from([(INVENTORY_FIELD << 3) | 2]), varint(inventory.length), inventory]);
      return attempt(() => decodeAgentMessage(frame));
    },
  }),
};
