import type { Claimant } from '../hub/index.ts';
import type { NodeLink, NodeLinks } from '../replicas/index.ts';

/** Nodes whose end of a session is remembered: as many as one relay may have sessions. At the bound the oldest is forgotten. */
const MOST_ENDED = 100_000;

/** The links of a relay that knows of no others: its live sessions, and those that have ended since its start. */
export class OwnLinks implements NodeLinks {
  readonly #nowMs: () => number;
  readonly #live = new Map<string, { readonly session: Claimant; readonly sinceMs: number }>();
  readonly #ended = new Map<string, number>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  opened(session: Claimant): void {
    this.#live.set(session.node, { session, sinceMs: this.#nowMs() });
    this.#ended.delete(session.node);
  }

  ended(session: Claimant): void {
    if (!this.isOurs(session)) return;
    this.#live.delete(session.node);
    this.#ended.set(session.node, this.#nowMs());
    if (this.#ended.size <= MOST_ENDED) return;
    for (const oldest of this.#ended.keys()) {
      this.#ended.delete(oldest);
      return;
    }
  }

  isOurs(session: Claimant): boolean {
    return this.#live.get(session.node)?.session === session;
  }

  link(node: string): NodeLink | 'none' {
    const live = this.#live.get(node);
    if (live !== undefined) {
      return { state: 'up', ageMs: this.#nowMs() - live.sinceMs, agentVersion: live.session.agentVersion, isShared: false };
    }
    const endedMs = this.#ended.get(node);
    return endedMs === undefined ? 'none' : { state: 'down', ageMs: this.#nowMs() - endedMs, agentVersion: '', isShared: false };
  }
}
