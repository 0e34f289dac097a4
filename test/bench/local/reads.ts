import type { ClientHttp2Stream } from 'node:http2';
import { percentile } from '../statistics.ts';
import { memoryOf } from '../workspace.ts';
import type { BenchClient } from './client.ts';
import { NAMESPACE } from './objects.ts';

const STREAMED = 'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';

/** Times of so many requests, one after the other. @throws when one is not answered 200 */
export async function timesOf(client: BenchClient, count: number, path: (n: number) => string, headers = {}): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const { status, ms } = await client.call('GET', path(n), undefined, headers);
    if (status !== 200) throw new Error(`GET ${path(n)}: ${status}`);
    times.push(ms);
  }
  return times;
}

export async function getP99(client: BenchClient, count: number, names: readonly string[]): Promise<number> {
  const path = (n: number) => `/api/v1/namespaces/${NAMESPACE}/configmaps/${names[n % names.length]}`;
  return percentile(await timesOf(client, count, path), 0.99);
}

/** A WatchList of all ConfigMaps: until its first event is here, and until the bookmark that ends them. */
export async function watchList(client: BenchClient): Promise<{ readonly firstMs: number; readonly allMs: number }> {
  const beganAt = performance.now();
  const stream = client.open(`/api/v1/namespaces/${NAMESPACE}/configmaps?${STREAMED}`);
  let firstMs = 0;
  const ended = seenBookmark(stream, () => {
    if (firstMs === 0) firstMs = performance.now() - beganAt;
  });
  await ended;
  const allMs = performance.now() - beganAt;
  stream.close();
  return { firstMs, allMs };
}

export interface HeldWatches {
  /** MiB by which the server's resident memory has grown. */
  readonly grownMB: number;
  close(): void;
}

/**
 * Opens watches as a kubelet does, of one ConfigMap each by its name, one after the other.
 * @param memory of the server in MiB, when it has come to rest
 */
export async function holdWatches(
  clients: readonly BenchClient[],
  names: readonly string[],
  memory: () => Promise<number>,
): Promise<HeldWatches> {
  const before = await memory();
  const streams: ClientHttp2Stream[] = [];
  for (const [index, name] of names.entries()) {
    const client = clients[index % clients.length];
    const selector = `fieldSelector=metadata.name%3D${name}`;
    const stream = client?.open(`/api/v1/namespaces/${NAMESPACE}/configmaps?${selector}&${STREAMED}&timeoutSeconds=3000`);
    if (stream === undefined) throw new RangeError('no client');
    streams.push(stream);
    await seenBookmark(stream);
  }
  const after = await memory();
  return { grownMB: after - before, close: () => streams.forEach((stream) => void stream.close()) };
}

/** Resolves with the bookmark that ends the initial events. Rejects when the answer is another, or ends before. */
function seenBookmark(stream: ClientHttp2Stream, onData: () => void = () => {}): Promise<void> {
  return new Promise((resolve, reject) => {
    let tail = '';
    stream.on('response', ({ ':status': status }) => {
      if (status !== 200) reject(new Error(`a watch was answered ${status}`));
    });
    stream.on('data', (chunk: Buffer) => {
      onData();
      // The last line is short; what is before it does not matter.
      tail = (tail + chunk.toString('latin1')).slice(-2_000);
      if (tail.includes('"k8s.io/initial-events-end":"true"')) resolve();
    });
    stream.on('error', reject);
    stream.on('close', () => reject(new Error('a watch ended before its initial events did')));
  });
}

/** Resident memory in MiB, the least of several looks: what is given back is given back with some delay. */
export async function settledRss(pid: number, looks: number, pause: () => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < looks; look += 1) {
    await pause();
    least = Math.min(least, (await memoryOf(pid)).rss);
  }
  return least;
}
