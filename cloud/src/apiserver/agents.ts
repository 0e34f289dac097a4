import { Agent } from 'node:https';
import type { Credentials } from './credentials.ts';

/** Connections at once. Far above the reflectors, reads and reports that the relay has under way; over it requests wait for one. */
const MAX_SOCKETS = 256;
/**
 * Idle connections that are kept for the next requests: as many as reports, questions and Leases have under way at their bounds, so that
 * a burst does not end connections that the next one makes again. Each costs some 50 KB, until the server ends it.
 */
const MAX_IDLE_SOCKETS = 96;
/** Between probes of a silent TCP connection, so that NATs keep it and a dead peer is found. */
const TCP_KEEPALIVE_MS = 30_000;

/** One keep-alive agent for the credentials of the moment; renewed certificates begin with new connections. */
export interface Agents {
  for(credentials: Credentials): Agent;
  /** Ends idle connections; those in use end with their requests. */
  close(): void;
}

export function createAgents(): Agents {
  let current: { readonly fingerprint: string; readonly agent: Agent } | undefined;
  return {
    for(credentials) {
      const { ca, cert, key, servername, rejectUnauthorized } = credentials;
      const fingerprint = [ca, cert, key, servername, rejectUnauthorized].map(String).join('\n');
      if (current?.fingerprint === fingerprint) return current.agent;
      if (current !== undefined) retire(current.agent);
      const agent = new Agent({
        ca,
        cert,
        key,
        rejectUnauthorized,
        ...(servername === undefined ? {} : { servername }),
        keepAlive: true,
        keepAliveMsecs: TCP_KEEPALIVE_MS,
        maxSockets: MAX_SOCKETS,
        maxFreeSockets: MAX_IDLE_SOCKETS,
      });
      current = { fingerprint, agent };
      return agent;
    },
    close() {
      if (current !== undefined) retire(current.agent);
      current = undefined;
    },
  };
}

/** Idle connections go at once, those in use with their requests. */
function retire(agent: Agent): void {
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}
