import { createReadStream } from 'node:fs';
import { text as textOf } from 'node:stream/consumers';
import { HawserError } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../../clock.ts';
import { Listeners } from '../listeners.ts';

/** A file of PEM text, and the setting that names it. */
export interface PemFile {
  readonly setting: string;
  readonly path: string;
}

export interface FollowOptions<T> {
  readonly files: readonly PemFile[];
  /** Makes sense of their texts, in the same order. @throws HawserError when they are wrong, or do not belong together */
  readonly parse: (texts: readonly string[]) => Promise<T>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onRead: (result: 'taken' | 'refused') => void;
}

/** What files say, from the start on, and again when they say something else. */
export interface Followed<T> {
  current(): T;
  onChange(listener: () => void): () => void;
  stop(): void;
}

/**
 * Between two looks at the files, in ms. They are read each time: a Secret in a pod is changed by moving symbolic links, of which no
 * watch of a file tells, and some KB in half a minute are nothing.
 */
const LOOK_MS = 30_000;
/** Chains and bundles of authorities are some KB; a larger file is another one. In bytes. */
const MAX_FILE_BYTES = 1024 * 1024;

/**
 * Reads the files and follows them. What is wrong later leaves in use what was read before, and is told once for each kind of wrong.
 * @throws HawserError `bad_config` that names setting and file, as they are at the start
 */
export async function followFiles<T>({ files, parse, clock, logger, onRead }: FollowOptions<T>): Promise<Followed<T>> {
  const listeners = new Listeners();
  const names = files.map(({ path }) => path);
  let seen = await readAll(files);
  let value = await parse(seen);
  let complaint = '';
  let isStopped = false;
  onRead('taken');

  async function look(): Promise<void> {
    try {
      const texts = await readAll(files);
      if (texts.some((text, index) => text !== seen[index])) {
        const next = await parse(texts);
        if (isStopped) return;
        seen = texts;
        value = next;
        onRead('taken');
        logger.info({ files: names }, 'certificates read anew');
        listeners.tell();
      }
      complaint = '';
    } catch (error) {
      // Whatever a file holds, it is no reason to end a relay that has links.
      const detail = error instanceof Error ? error.message : String(error);
      if (detail !== complaint) {
        onRead('refused');
        logger.error({ files: names, detail }, 'new certificates are wrong; those before stay in use');
      }
      complaint = detail;
    }
    wait();
  }

  let cancel = () => {};
  function wait(): void {
    if (!isStopped) cancel = clock.after(LOOK_MS, () => void look());
  }
  wait();

  return {
    current: () => value,
    onChange: (listener) => listeners.add(listener),
    stop() {
      isStopped = true;
      cancel();
    },
  };
}

function readAll(files: readonly PemFile[]): Promise<string[]> {
  return Promise.all(files.map(readPem));
}

async function readPem({ setting, path }: PemFile): Promise<string> {
  let text: string;
  try {
    text = await textOf(createReadStream(path, { end: MAX_FILE_BYTES }));
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const why = code === 'ENOENT' ? 'is not there' : code === 'EACCES' ? 'may not be read' : `cannot be read (${String(code)})`;
    throw new HawserError('bad_config', `${setting}: the file ${path} ${why}`, { cause });
  }
  if (text.length > MAX_FILE_BYTES) throw new HawserError('bad_config', `${setting}: ${path} is too large to be a PEM file`);
  return text;
}
