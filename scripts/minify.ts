import { transform } from 'esbuild';

/** A program in one line would be printed whole with an uncaught error, which shows the line that threw. In characters. */
const LINE_LIMIT = 160;

/**
 * A program without comments, indentation and the like: a third of its text, which V8 keeps in memory as long as the process runs, and an
 * executable holds once more. Names stay, so that traces of errors can be read.
 * @param source a module, or a script whose statements stand in one function
 */
export async function minified(source: string): Promise<string> {
  const { code } = await transform(source, {
    platform: 'node',
    target: 'node24',
    minifyWhitespace: true,
    legalComments: 'none',
    charset: 'ascii',
    lineLimit: LINE_LIMIT,
  });
  return code;
}
