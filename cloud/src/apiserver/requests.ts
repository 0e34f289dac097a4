import type { Clock } from '../clock.ts';
import { readChunks } from './chunks.ts';
import type { ApiClient, ApiStream } from './client.ts';
import type { Intake } from './intake.ts';
import { LineSplitter } from './json/lines.ts';
import { type ListPage, MAX_ITEM_BYTES, readListPage } from './list-page.ts';
import type { WantsText } from './observe.ts';
import { answerOutcome, failureOutcome, type Outcome, watchListOutcome } from './outcome.ts';
import { listPath, type Target, watchListPath, watchPath } from './paths.ts';
import { readWatchEvent } from './watch-event.ts';

/** What the requests of one reflector share. Each is one attempt: it throws what breaks it, and nothing follows from that. */
export interface Requests {
  readonly target: Target;
  readonly client: ApiClient;
  readonly intake: Intake;
  readonly wantsText: WantsText;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** Whether a list that has come to its end may be taken; otherwise how the attempt went. */
  readonly judge: (resourceVersion: string) => Promise<Outcome | undefined>;
  /** A watch was opened, or a list is complete. */
  readonly onAnswered: () => void;
  /** A watch that brings nothing for so long is given up. */
  readonly watchSilenceMs: number;
}

/** Until a list's or watch's headers are there. A consistent list of a large resource may take the API server some seconds. */
const HEADERS_TIMEOUT_MS = 60_000;
/** A page that stops in the middle for so long is given up. */
const LIST_SILENCE_MS = 60_000;
/** The API server sends a bookmark about every minute; after two and a half without one the connection is taken for dead. */
export const WATCH_SILENCE_MS = 150_000;

/** A consistent list, page by page; `whole` in one answer, for when a page's token expired on the way. */
export async function listInPages(requests: Requests, isWhole: boolean): Promise<Outcome> {
  const { intake, target, clock } = requests;
  intake.beginList();
  let page: { readonly continueToken: string } | 'first' | 'whole' = isWhole ? 'whole' : 'first';
  for (;;) {
    const answer = await open(requests, listPath(target, page));
    if (answer.status !== 200) return answerOutcome(answer, clock.now());
    const reader = readListPage(target.resource, requests.wantsText, intake.listed);
    const end = await readChunks(answer, {
      clock,
      silenceMs: LIST_SILENCE_MS,
      onChunk(chunk) {
        if (requests.signal.aborted) return false;
        reader.push(chunk);
        return true;
      },
      afterChunk: intake.room,
    });
    if (end === 'silent') {
      const detail = `the list stopped in the middle for ${LIST_SILENCE_MS / 1000} s`;
      return { type: 'failed', detail, isForbidden: false, retryAfterMs: undefined };
    }
    const { resourceVersion, continueToken }: ListPage = reader.end();
    if (continueToken === undefined) {
      const verdict = await requests.judge(resourceVersion);
      if (verdict !== undefined) return verdict;
      intake.endList(resourceVersion);
      requests.onAnswered();
      return { type: 'listed' };
    }
    page = { continueToken };
  }
}

/** The state of now and then the watch, in one stream. */
export async function watchList(requests: Requests): Promise<Outcome> {
  const { target, intake } = requests;
  intake.beginList();
  const answer = await open(requests, watchListPath(target, requests.random()));
  if (answer.status !== 200) return watchListOutcome(await answerOutcome(answer, requests.clock.now()), answer.status);
  return readWatch(requests, answer, true);
}

export async function watchFrom(requests: Requests, resourceVersion: string): Promise<Outcome> {
  const { target } = requests;
  const answer = await open(requests, watchPath(target, resourceVersion, requests.random()));
  if (answer.status !== 200) return answerOutcome(answer, requests.clock.now());
  requests.onAnswered();
  return readWatch(requests, answer, false);
}

async function readWatch(requests: Requests, answer: ApiStream, beginsWithState: boolean): Promise<Outcome> {
  const { intake, target, clock } = requests;
  const lines = new LineSplitter(MAX_ITEM_BYTES, 'a line of a watch');
  let isListing = beginsWithState;
  /** The state is complete up to here and waits to be judged; what came after it waits too. */
  let complete: string | undefined;
  let held: Uint8Array[] = [];
  let error: Outcome | undefined;

  function onLine(line: Uint8Array): void {
    if (error !== undefined) return;
    if (complete !== undefined) {
      // The line's bytes may be used again after this call.
      held.push(Buffer.from(line));
      return;
    }
    const event = readWatchEvent(target.resource, line, requests.wantsText);
    if (event.type === 'error') {
      const outcome = failureOutcome(event.failure);
      error = isListing ? watchListOutcome(outcome, event.failure.code) : outcome;
    } else if (!isListing) {
      intake.event(event);
    } else if (event.type === 'upsert') {
      intake.listed(event.observation);
    } else if (event.type === 'bookmark' && event.endsInitialEvents) {
      complete = event.resourceVersion;
    }
  }

  /** At the end of the state. What is held back is at most the chunk with the end in it. */
  async function endState(resourceVersion: string): Promise<void> {
    error = await requests.judge(resourceVersion);
    complete = undefined;
    if (error !== undefined) return;
    isListing = false;
    intake.endList(resourceVersion);
    requests.onAnswered();
    const lines = held;
    held = [];
    for (const line of lines) onLine(line);
  }

  const end = await readChunks(answer, {
    clock,
    silenceMs: requests.watchSilenceMs,
    onChunk(chunk) {
      if (requests.signal.aborted) return false;
      lines.push(chunk, onLine);
      return error === undefined;
    },
    async afterChunk() {
      if (complete !== undefined) await endState(complete);
      await intake.room();
    },
    isEnough: () => error !== undefined,
  });
  if (error !== undefined) return error;
  if (!isListing) return { type: 'ended' };
  // A server that does not know WatchList may take the request for an ordinary watch, whose state never ends.
  return { type: 'watchListRefused', detail: `the stream of the state ${end === 'silent' ? 'stopped' : 'ended'} before its end` };
}

function open({ client, signal }: Requests, path: string): Promise<ApiStream> {
  return client.stream({ method: 'GET', path, signal, timeoutMs: HEADERS_TIMEOUT_MS });
}
