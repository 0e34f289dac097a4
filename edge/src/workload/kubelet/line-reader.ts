import { StringDecoder } from 'node:string_decoder';

/** Of one line that are kept, in UTF-16 units; a kubelet's longest name a pod with its volumes. What is beyond is left out and counted. */
const MAX_LINE = 4_096;
/** The last lines are shown in terminals, which obey some of these. */
const CONTROL = /\p{Cc}/gu;

/** Bytes of a pipe in, lines out. Holds one line at most. */
export interface LineReader {
  push(chunk: Buffer): void;
  /** There are no more bytes: what has no end is a line too. */
  end(): void;
}

export function createLineReader(onLine: (line: string) => void): LineReader {
  const decoder = new StringDecoder('utf8');
  let kept = '';
  let leftOut = 0;

  function take(text: string): void {
    const room = MAX_LINE - kept.length;
    kept += text.slice(0, room);
    leftOut += Math.max(0, text.length - room);
  }
  function finish(): void {
    const text = kept.replace(/\r$/, '').replaceAll(CONTROL, ' ');
    const line = leftOut === 0 ? text : `${text}… (${leftOut} more)`;
    [kept, leftOut] = ['', 0];
    if (line !== '') onLine(line);
  }

  return {
    push(chunk) {
      const [first = '', ...others] = decoder.write(chunk).split('\n');
      take(first);
      for (const text of others) {
        finish();
        take(text);
      }
    },
    end() {
      take(decoder.end());
      finish();
    },
  };
}
