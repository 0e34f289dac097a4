import type { Writable } from 'node:stream';

/** 128 and the number of SIGPIPE: what a shell says of other programs whose reader has gone. */
export const READER_GONE = 141;

/**
 * Writes what a command prints. When the reader has gone, as behind `| head`, the command is over at once and without a word; any other error of the
 * stream is thrown as before.
 * @param open the stream, which is not touched before the first text: a program that only logs has its own way to write there
 */
export function pipeWriter(open: () => Writable, exit: (code: number) => void): (text: string) => void {
  let stream: Writable | undefined;
  return (text) => {
    stream ??= open().on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      exit(READER_GONE);
    });
    stream.write(text);
  };
}
