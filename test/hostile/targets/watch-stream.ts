import { LineSplitter, readListPage, readWatchEvent } from '@hawser/cloud';
import { resourceById } from '@hawser/protocol';
import { attempt, type Target } from '../engine/target.ts';
import { mutateJson } from '../mutate/json.ts';
import { linesMutator } from '../mutate/lines.ts';
import { MB, MS } from './limits.ts';

/** The item, its text and the buffer in which pieces are put together, which doubles as it grows. */
const BYTES = 48 * MB;
/** As the reflector has it: see MAX_ITEM_BYTES there. Inputs are shorter. */
const MAX_LINE_BYTES = 16 * MB;

const PODS = resourceById('pods');
const WORDS = [
  '{"type":"ADDED","object":',
  '{"type":"ERROR","object":{}}',
  '"items":[',
  '],"items":[',
  '\\u0022',
  '"',
  '\\',
  '{',
  '}',
  '\u0000',
  '"metadata":{"name":"a","uid":"b","resourceVersion":"1"}',
];

export const watchStream: Target = {
  name: 'watch-stream',
  what: 'lists and watches of the API server, in pieces as they come',
  corpus: ['watch-stream'],
  bounds: { ms: MS, bytes: BYTES, inputBytes: 1 * MB },
  mutators: [mutateJson, linesMutator(WORDS)],
  open: () => {
    if (PODS === undefined) throw new Error('pods are no resource');
    return {
      run(input) {
        const watch = attempt(() => {
          const splitter = new LineSplitter(MAX_LINE_BYTES, 'a line');
          for (const piece of pieces(input)) splitter.push(piece, (line) => readWatchEvent(PODS, line, () => true));
        });
        const list = attempt(() => {
          const page = readListPage(
            PODS,
            () => true,
            () => undefined,
          );
          for (const piece of pieces(input)) page.push(piece);
          page.end();
        });
        return watch === 'taken' || list === 'taken' ? 'taken' : 'refused';
      },
    };
  },
};

/** Cut at places that depend on the bytes alone: in keys, in escapes, in the middle of a character. */
function* pieces(input: Uint8Array): Iterable<Uint8Array> {
  for (let at = 0; at < input.length; ) {
    const size = 1 + (((input[at] ?? 0) * 7 + at) % 1500);
    yield input.subarray(at, at + size);
    at += size;
  }
}
