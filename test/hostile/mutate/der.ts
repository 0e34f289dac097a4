import type { Random } from '../../model/random.ts';
import { mutateBytes } from './bytes.ts';

/** A value of ASN.1 in DER (X.690): tag, length, and either bytes or values. */
interface Node {
  readonly tag: number;
  readonly content: Uint8Array | readonly Node[];
}

const CONSTRUCTED = 0x20;
const MOST_DEPTH = 2_000;
const MOST_COPIES = 2_000;

/** One change to the tree of values; the lengths around it are made right again, or one of them wrong. */
export function mutateDer(random: Random, input: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  const roots = parse(input, 0);
  if (roots === undefined) return mutateBytes(random, input, others);
  return write(changeAmong(random, roots));
}

function changeAmong(random: Random, nodes: readonly Node[]): Node[] {
  const at = random.integer(nodes.length);
  const node = nodes[at];
  if (node === undefined) return [{ tag: 0x05, content: new Uint8Array() }];
  if (Array.isArray(node.content) && node.content.length > 0 && !random.oneIn(4)) {
    return nodes.with(at, { ...node, content: changeAmong(random, node.content) });
  }
  switch (random.integer(7)) {
    case 0:
      return nodes.toSpliced(at, 1);
    case 1: {
      const copies = Array<Node>(1 + random.integer(random.oneIn(6) ? MOST_COPIES : 3)).fill(node);
      return nodes.toSpliced(at, 0, ...copies);
    }
    case 2:
      return nodes.with(at, { ...node, tag: random.integer(256) });
    case 3: {
      // As bytes at once: whoever wrote so deep a tree by calling itself would need more stack than there may be.
      let content = write([node]);
      for (let depth = random.integer(random.oneIn(4) ? MOST_DEPTH : 8); depth > 0; depth -= 1)
        content = write([{ tag: 0x30, content }]);
      return nodes.with(at, { tag: 0x30, content });
    }
    case 4: {
      const bytes = contentOf(node);
      return nodes.with(at, { tag: node.tag & ~CONSTRUCTED, content: mutateBytes(random, bytes, [bytes]) });
    }
    case 5: {
      // The length is written by hand, and is not that of what follows.
      const lengths = [
        [0x80],
        [0x84, 0xff, 0xff, 0xff, 0xff],
        [0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        [0x81, 0x01],
        [0],
      ];
      const raw = Buffer.concat([Buffer.from(random.pick(lengths) ?? [0]), contentOf(node)]);
      return nodes.with(at, { tag: -1 - node.tag, content: raw });
    }
    default: {
      const swapped = random.integer(nodes.length);
      return nodes.with(at, nodes[swapped] ?? node).with(swapped, node);
    }
  }
}

function contentOf({ content }: Node): Uint8Array {
  return isBytes(content) ? content : write(content);
}

function isBytes(content: Node['content']): content is Uint8Array {
  return content instanceof Uint8Array;
}

function parse(input: Uint8Array, depth: number): Node[] | undefined {
  const nodes: Node[] = [];
  for (let at = 0; at < input.length; ) {
    const tag = input[at] ?? 0;
    const first = input[at + 1];
    if (first === undefined || (tag & 0x1f) === 0x1f || first === 0x80) return undefined;
    const more = first < 0x80 ? 0 : first & 0x7f;
    if (more > 4) return undefined;
    const length = more === 0 ? first : input.subarray(at + 2, at + 2 + more).reduce((sum, byte) => sum * 256 + byte, 0);
    const from = at + 2 + more;
    if (from + length > input.length) return undefined;
    const bytes = input.subarray(from, from + length);
    const inner = (tag & CONSTRUCTED) !== 0 && depth < 20 ? parse(bytes, depth + 1) : undefined;
    nodes.push({ tag, content: inner ?? bytes });
    at = from + length;
  }
  return nodes;
}

function write(nodes: readonly Node[]): Buffer {
  return Buffer.concat(
    nodes.map((node) => {
      const content = contentOf(node);
      if (node.tag < 0) return Buffer.concat([Buffer.from([-1 - node.tag]), content]);
      return Buffer.concat([Buffer.from([node.tag]), lengthOf(content.length), content]);
    }),
  );
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  const significant = bytes.subarray(bytes.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.from([0x80 | significant.length]), significant]);
}
