import { canonicalize, parseCanonical } from '@hawser/protocol';
import fc from 'fast-check';
import { attempt, type Target } from '../engine/target.ts';
import { mutateJson } from '../mutate/json.ts';
import { MB, MS } from './limits.ts';

/** An object at its bound of 3 MB as text, parsed, written again, and with the text of its numbers kept apart. */
const BYTES = 160 * MB;

export const objects: Target = {
  name: 'objects',
  what: 'canonicalize and parseCanonical: objects as the API server and the relay give them',
  corpus: ['json-bodies'],
  bounds: { ms: MS, bytes: BYTES, inputBytes: 1 * MB },
  mutators: [mutateJson],
  shape: fc.json({ maxDepth: 6 }).map((text) => Buffer.from(text)),
  open: () => ({
    run(input) {
      const text = Buffer.from(input).toString('utf8');
      const whole = attempt(() => canonicalize(text));
      const held = attempt(() => parseCanonical(text, '1'));
      return whole === 'taken' || held === 'taken' ? 'taken' : 'refused';
    },
  }),
};
