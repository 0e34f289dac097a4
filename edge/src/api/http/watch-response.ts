import type { ApiResource } from '@hawser/protocol';
import type { StopWatch, WatchSink } from '../registry/watch.ts';
import { type ApiResponse, cutOff, isGone, sendHead } from './exchange.ts';
import { presentEvent } from './present.ts';
import type { View } from './view.ts';
import { EventBodies, type WatchFormat } from './watch-format.ts';

/**
 * Bytes that a watch may have waiting for a slow reader; while its initial events go out, twice these more: what happens meanwhile is the more
 * the longer they take. At the bound the watch is cut, and the client resumes from the last resourceVersion that it has seen: who is
 * cut off within the initial events begins with them once more.
 */
export const MAX_WATCH_BACKLOG_BYTES = 4 * 1024 * 1024;

/** A watch that is being answered. */
export interface OpenWatch {
  /** Cuts the answer off in the middle, as a crash would. */
  cut(): void;
  /** Ends the body cleanly, as a timeout does; resolves when the connection has taken all of it, or is gone. */
  end(): Promise<void>;
}

/** Open watches of one server, and what they share. */
export class WatchResponses {
  readonly open = new Set<OpenWatch>();
  readonly bodies = new EventBodies();
}

/** Sends headers at once and then each event, until the watch ends or the client goes. */
export async function respondWithWatch(
  response: ApiResponse,
  resource: ApiResource,
  view: () => View,
  format: WatchFormat,
  start: (sink: WatchSink) => Promise<StopWatch>,
  watches: WatchResponses,
): Promise<void> {
  let backlogBound = Number.POSITIVE_INFINITY;
  let first = true;
  const isPlain = view().presentation === 'plain';
  let gone = false;
  let stop: StopWatch = () => {};
  // What happens in one turn of the event loop, such as a whole list, goes out in one piece.
  let corked = false;
  const uncork = () => {
    if (!corked) return;
    corked = false;
    response.uncork();
  };
  const batch = () => {
    if (corked) return;
    corked = true;
    response.cork();
    process.nextTick(uncork);
  };
  const finish = (done?: () => void) => {
    // Node loses what is corked when a response ends.
    uncork();
    response.end(done);
  };
  const watch: OpenWatch = {
    cut: () => cutOff(response),
    end: () =>
      new Promise((resolve) => {
        response.once('close', resolve);
        finish(resolve);
      }),
  };
  response.once('close', () => {
    gone = true;
    watches.open.delete(watch);
    stop();
  });
  response.on('drain', () => {
    backlogBound = MAX_WATCH_BACKLOG_BYTES;
  });
  const begin = () => {
    if (response.headersSent) return;
    response.setHeader('content-type', format.contentType);
    response.setHeader('cache-control', 'no-cache, private');
    sendHead(response, 200);
  };
  // The initial events are as large as a list: until they are out they count beside the bound, not against it, and as much again may wait.
  const allowInitial = (bytes: number) => {
    backlogBound = 2 * bytes + MAX_WATCH_BACKLOG_BYTES;
  };
  const joined = (lines: Uint8Array) => {
    if (response.writableEnded) return;
    begin();
    batch();
    response.write(lines);
    // Those that come later, too.
    if (backlogBound < Number.POSITIVE_INFINITY) allowInitial(response.writableLength);
  };
  stop = await start({
    ...(isPlain && format.text !== undefined ? { joined } : {}),
    event(event) {
      // Ended by us, and the client has not taken all of it yet: its watch goes on until then.
      if (response.writableEnded) return;
      begin();
      batch();
      const text = isPlain && event.json !== undefined ? format.text?.(event.type, event.json) : undefined;
      if (text !== undefined) response.write(text);
      else for (const part of format.event(event.type, presentEvent(resource, event.object, view(), first))) response.write(part);
      first = false;
      if (response.writableLength > backlogBound) watch.cut();
    },
    end: () => {
      begin();
      finish();
    },
  });
  if (gone || isGone(response)) {
    stop();
    return;
  }
  begin();
  allowInitial(response.writableLength);
  if (!response.writableEnded) watches.open.add(watch);
}
