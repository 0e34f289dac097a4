import { readFirstBytes } from '@hawser/cloud';
import type { Target } from '../engine/target.ts';
import { MB, MS } from './limits.ts';

export const clientHello: Target = {
  name: 'client-hello',
  what: 'the first bytes of a connection, from which the relay tells links and enrolment apart',
  corpus: ['client-hello'],
  // 16 KB in at most 64 records are put together.
  bounds: { ms: MS, bytes: 8 * MB, inputBytes: 64 * 1024 },
  mutators: [],
  open: () => ({ run: (bytes) => (readFirstBytes(bytes).type === 'hello' ? 'taken' : 'refused') }),
};
