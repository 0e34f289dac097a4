import { getServers, lookup, Resolver } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** For the system's own look-up, which nothing can break off, in milliseconds. */
const LOOKUP_TIMEOUT_MS = 6_000;
/** For each name server, in milliseconds. */
const SERVER_TIMEOUT_MS = 2_000;
/** resolv.conf(5) knows three. */
const MAX_SERVERS = 3;

export interface LookedUp {
  readonly addresses: readonly string[];
  readonly failure: string | undefined;
  readonly tookMs: number;
  readonly servers: readonly { readonly server: string; readonly said: string }[];
}

/** Looks a name up as the agent does, and asks each name server by itself where that fails. */
export async function lookUp(host: string, signal: AbortSignal): Promise<LookedUp> {
  const began = performance.now();
  const found = await Promise.race([
    lookup(host, { all: true }).then(
      (addresses) => ({ addresses: addresses.map(({ address }) => address), failure: undefined }),
      (error: unknown) => ({ addresses: [], failure: codeOf(error) }),
    ),
    sleep(LOOKUP_TIMEOUT_MS, { addresses: [], failure: 'timeout' }, { signal, ref: false }),
  ]);
  const tookMs = performance.now() - began;
  const servers = found.failure === undefined ? [] : await askServers(host, signal);
  return { ...found, tookMs, servers };
}

async function askServers(host: string, signal: AbortSignal): Promise<LookedUp['servers']> {
  return Promise.all(
    getServers()
      .slice(0, MAX_SERVERS)
      .map(async (server) => {
        const resolver = new Resolver({ timeout: SERVER_TIMEOUT_MS, tries: 1 });
        const cancel = () => resolver.cancel();
        signal.addEventListener('abort', cancel, { once: true });
        try {
          resolver.setServers([server]);
          await resolver.resolve4(host).catch(async (error: unknown) => {
            // A name that has only the other kind of addresses.
            if (codeOf(error) !== 'ENODATA') throw error;
            await resolver.resolve6(host);
          });
          return { server, said: 'addresses' };
        } catch (error) {
          return { server, said: codeOf(error) };
        } finally {
          signal.removeEventListener('abort', cancel);
        }
      }),
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
