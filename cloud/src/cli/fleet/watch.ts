import { HawserError, parseJson } from '@hawser/protocol';
import * as v from 'valibot';
import { ADMIN_PATHS, type NodeSession, NodeSessionEvent } from '../../admin/index.ts';
import type { Clock } from '../../clock.ts';
import { type Asking, open, reasonOf, shown } from './ask.ts';
import type { Place } from './places.ts';

/** A replica says at least each ten seconds that it lives; in ms. */
const SILENCE_MS = 25_000;
/** Before a replica that has gone, or that has ended the watch in good time, is asked again; in ms. */
const AGAIN_MS = 2_000;
/** A line is one session. */
const MAX_LINE = 64 * 1024;
/** Nodes that one watch, which lasts minutes, has told of: five times what a relay holds. Above it the watch is over. */
const MOST_NODES = 100_000;

/**
 * What a watch of one replica says.
 * - synced: these are all that it has; comes anew after each time that it was lost
 * - changed, ended: of one session since
 * - lost: it does not answer; it is asked again
 */
export type WatchNews =
  | { readonly type: 'synced'; readonly sessions: readonly NodeSession[] }
  | { readonly type: 'changed'; readonly session: NodeSession }
  | { readonly type: 'ended'; readonly session: NodeSession }
  | { readonly type: 'lost'; readonly why: string };

/** Watches a replica until the signal, whatever happens to it. Resolves then. */
export async function watchReplica(place: Place, asking: Asking, clock: Clock, tell: (news: WatchNews) => void): Promise<void> {
  let wasLost = false;
  while (!asking.signal.aborted) {
    const why = await watchOnce(place, asking, clock, tell, () => {
      wasLost = false;
    });
    if (asking.signal.aborted) return;
    // Told once for each time: it may be away for long.
    if (why !== undefined && !wasLost) tell({ type: 'lost', why });
    wasLost ||= why !== undefined;
    await pause(AGAIN_MS, asking.signal);
  }
}

/** @returns why it has ended; undefined where the replica has ended it in good order */
async function watchOnce(
  place: Place,
  asking: Asking,
  clock: Clock,
  tell: (news: WatchNews) => void,
  onSynced: () => void,
): Promise<string | undefined> {
  const ending = new AbortController();
  const signal = AbortSignal.any([asking.signal, ending.signal]);
  const silent = () => ending.abort(new Error(`nothing heard for ${SILENCE_MS / 1000} s`));
  let cancel = clock.after(SILENCE_MS, silent);
  const state: NodeSession[] = [];
  const nodes = new Set<string>();
  let isSynced = false;
  let rest = '';

  function line(text: string): void {
    const event = v.parse(NodeSessionEvent, parseJson(text));
    if ('object' in event) {
      nodes.add(event.object.node);
      if (nodes.size > MOST_NODES || state.length > MOST_NODES)
        throw new HawserError('too_large', `its watch has told of more than ${MOST_NODES} nodes`);
      if (isSynced) tell({ type: event.type === 'DELETED' ? 'ended' : 'changed', session: event.object });
      else state.push(event.object);
    } else if (event.type === 'SYNCED') {
      isSynced = true;
      onSynced();
      tell({ type: 'synced', sessions: state.splice(0) });
    }
  }

  try {
    const answer = await open(place, { path: `${ADMIN_PATHS.nodes}?watch=true` }, { ...asking, signal });
    if (answer.statusCode !== 200) {
      answer.destroy();
      return `${answer.statusCode}: see hawser-relay nodes without -w`;
    }
    for await (const chunk of answer.setEncoding('utf8')) {
      cancel();
      cancel = clock.after(SILENCE_MS, silent);
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE) throw new HawserError('too_large', `a line of its watch is over ${MAX_LINE} characters`);
      for (const text of lines) line(text);
    }
    return undefined;
  } catch (error) {
    if (error instanceof v.ValiError || error instanceof SyntaxError) return 'its watch is not of this version';
    if (ending.signal.aborted && ending.signal.reason instanceof Error) return shown(ending.signal.reason.message);
    return reasonOf(error, signal);
  } finally {
    cancel();
    ending.abort();
  }
}

/** Keeps the process alive, as the command goes on. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}
