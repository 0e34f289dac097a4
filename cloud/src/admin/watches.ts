import type { ServerResponse } from 'node:http';
import type { Clock } from '../clock.ts';
import type { NodeSession, NodeSessionEvent } from './answers.ts';

/** Between two looks at all sessions, made only while somebody watches; in ms. */
const LOOK_MS = 1_000;
/** A watcher hears at least so often that this replica lives; in ms. */
export const ALIVE_MS = 10_000;
/** Watches at a time: each costs a look at what has changed, and a buffer. */
export const MOST_WATCHES = 16;
/** A watch ends after so long, and its watcher opens another: so nobody watches for long who may no longer. In ms. */
export const WATCH_MS = 300_000;
/** Written and not taken by the watcher; above it the watch ends. The state of 20,000 sessions has some 8 MB, in bytes. */
const MOST_BUFFERED = 16 * 1024 * 1024;

interface Watch {
  readonly response: ServerResponse;
  readonly sinceMs: number;
  /** What it was told, by node: what a person sees of it. */
  readonly told: Map<string, NodeSession>;
  toldMs: number;
}

/**
 * Tells watchers which sessions there are and how they change, a line of JSON each. Bytes and a lag that only goes on are no change: they
 * come with the next one.
 */
export class Watches {
  readonly #sessions: () => readonly NodeSession[];
  readonly #clock: Clock;
  readonly #watches = new Set<Watch>();
  #cancel: (() => void) | undefined;

  constructor(sessions: () => readonly NodeSession[], clock: Clock) {
    this.#sessions = sessions;
    this.#clock = clock;
  }

  get count(): number {
    return this.#watches.size;
  }

  /** @returns false at the bound: nothing was written then */
  begin(response: ServerResponse): boolean {
    if (this.#watches.size >= MOST_WATCHES) return false;
    const nowMs = this.#clock.now().getTime();
    const watch: Watch = { response, sinceMs: nowMs, told: new Map(), toldMs: nowMs };
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    this.#watches.add(watch);
    response.once('close', () => this.#forget(watch));
    this.#tell(watch, this.#sessions(), nowMs);
    this.#write(watch, [{ type: 'SYNCED' }]);
    this.#schedule();
    return true;
  }

  stop(): void {
    for (const watch of [...this.#watches]) this.#end(watch);
  }

  #schedule(): void {
    if (this.#watches.size === 0 || this.#cancel !== undefined) return;
    this.#cancel = this.#clock.after(LOOK_MS, () => {
      this.#cancel = undefined;
      this.#look();
      this.#schedule();
    });
  }

  #look(): void {
    const sessions = this.#sessions();
    const nowMs = this.#clock.now().getTime();
    for (const watch of [...this.#watches]) {
      // A clock that was set back must not make a watch last for ever.
      if (Math.abs(nowMs - watch.sinceMs) >= WATCH_MS) this.#end(watch);
      else if (watch.response.writableLength > MOST_BUFFERED) watch.response.destroy();
      else this.#tell(watch, sessions, nowMs);
    }
  }

  #tell(watch: Watch, sessions: readonly NodeSession[], nowMs: number): void {
    const events: NodeSessionEvent[] = [];
    const gone = new Map(watch.told);
    for (const object of sessions) {
      const before = watch.told.get(object.node);
      gone.delete(object.node);
      if (before !== undefined && isSame(before, object)) continue;
      watch.told.set(object.node, object);
      events.push({ type: before === undefined ? 'ADDED' : 'MODIFIED', object });
    }
    for (const [node, object] of gone) {
      watch.told.delete(node);
      events.push({ type: 'DELETED', object });
    }
    if (events.length === 0 && Math.abs(nowMs - watch.toldMs) >= ALIVE_MS) events.push({ type: 'ALIVE' });
    if (events.length === 0) return;
    watch.toldMs = nowMs;
    this.#write(watch, events);
  }

  #write({ response }: Watch, events: readonly NodeSessionEvent[]): void {
    response.write(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  }

  #end(watch: Watch): void {
    this.#forget(watch);
    watch.response.end();
  }

  #forget(watch: Watch): void {
    this.#watches.delete(watch);
    if (this.#watches.size > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }
}

function isSame(a: NodeSession, b: NodeSession): boolean {
  const isOneSession = a.since === b.since && a.agentVersion === b.agentVersion;
  return isOneSession && a.state === b.state && a.detail === b.detail && a.lagMs > 0 === b.lagMs > 0;
}
